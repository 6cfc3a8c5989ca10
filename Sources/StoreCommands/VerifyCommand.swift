import ArgumentParser
import HostctlCommands
import LinuxSystem
import Transfers
import TrustMetadata
import Updates

/// `hostctl verify`.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check the store, the deployments file by file, and hostctl's own state.",
        discussion: """
            Exits with 1 when something is damaged, and with --repair with the code of what kept it from being mended. /etc and /var are the host's own and are not compared.

            With --repair, objects that are damaged or missing are taken from a deployment that still has them, or \
            fetched from the origin and verified; files of deployments are linked to them anew. What cannot be \
            repaired is named, with what to do about it.

            Example: hostctl verify --repair
            """)

    @OptionGroup var sysroot: SysrootOption
    @Flag(help: "Mend what can be mended.") var repair = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let verifier = Verifier(
            root: sysroot.root, command: repair ? "hostctl verify --repair" : "hostctl verify", options: .standard,
            wait: waiting.wait, progress: progress.handler, notices: .toOperator)
        let report = try repair ? verifier.repair() : verifier.verify()
        output.show(VerificationOutput(report: report, isRepair: repair))
        if !report.findings.isEmpty { throw ExitCode(report.failure?.category ?? .failed) }
    }
}

/// The answer of `verify`; docs/disk-format.md describes the JSON.
private struct VerificationOutput: OutputValue {
    let report: VerificationReport
    let isRepair: Bool

    var text: String {
        var lines = report.repaired.map { "repaired: \($0)" }
        if let obstacle = report.obstacle { lines.append("not everything could be fetched: \(obstacle)") }
        for finding in report.findings { lines += [finding.text, "  help: \(finding.advice)"] }
        lines.append(
            "\(report.objects) objects (\(ByteCount.text(report.bytes))) and \(report.files) files of "
                + "\(report.deployments) deployments: " + verdict)
        return lines.joined(separator: "\n")
    }

    private var verdict: String {
        let count = report.findings.count
        if count == 0 { return report.repaired.isEmpty ? "everything is as it should be" : "everything is whole again" }
        return count == 1 ? "1 is not as it should be" : "\(count) are not as they should be"
    }

    var json: JSONValue {
        [
            "objects": .integer(Int64(report.objects)), "bytes": .integer(report.bytes),
            "deployments": .integer(Int64(report.deployments)), "files": .integer(Int64(report.files)),
            "findings": .array(
                report.findings.map { finding in
                    [
                        "kind": .string(finding.kind), "subject": .string(finding.subject),
                        "text": .string(finding.text), "advice": .string(finding.advice),
                    ]
                }),
            "repaired": .array(report.repaired.map { .string($0) }),
            "obstacle": report.obstacle.map { .string($0) } ?? .null,
        ]
    }
}
