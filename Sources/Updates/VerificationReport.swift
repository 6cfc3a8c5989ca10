import Checksums
import Deployments
public import LinuxSystem
import ObjectFormats
import ObjectStorage
import Sysroots

/// Something that is not as it should be.
public struct VerificationFinding: Sendable, Hashable {
    /// What kind of damage; part of the JSON format.
    public let kind: String
    /// The object, file or ref.
    public let subject: String
    /// One sentence, without a full stop.
    public let text: String
    /// What to do about it.
    public let advice: String
}

/// What a verification has found, and a repair has mended.
public struct VerificationReport: Sendable {
    public let objects: Int
    /// Bytes of objects that were hashed.
    public let bytes: Int64
    public let deployments: Int
    /// Files and folders of deployments that were compared.
    public let files: Int
    /// What is wrong now.
    public internal(set) var findings: [VerificationFinding]
    /// What was wrong and is mended.
    public internal(set) var repaired: [String] = []
    /// Why objects could not be fetched, when they could not.
    public internal(set) var obstacle: String?
    /// The worst of what kept a repair from mending the rest; its category tells the exit code.
    public internal(set) var failure: (any ExplainedError)?

    /// Says of each thing that could not be repaired why, beside what is wrong with it.
    mutating func add(_ failures: [RepairFailure]) {
        for failure in failures {
            let explained = failure.error as? any ExplainedError
            let reason = "repairing it failed: \(explained?.reason ?? "\(failure.error)")"
            let advice = explained?.advice ?? "put that right and run 'hostctl verify --repair' again"
            if let index = findings.firstIndex(where: { $0.subject == failure.subject }) {
                let found = findings[index]
                findings[index] = VerificationFinding(
                    kind: found.kind, subject: found.subject, text: "\(found.text); \(reason)", advice: advice)
            } else {
                findings.append(
                    VerificationFinding(
                        kind: "failed-repair", subject: failure.subject, text: "\(failure.subject): \(reason)",
                        advice: advice))
            }
        }
    }
}

/// Something that could not be repaired.
struct RepairFailure {
    /// As in the finding that it belongs to.
    let subject: String
    let error: any Error
}
