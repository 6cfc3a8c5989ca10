public import ArgumentParser
import HostChecks
import LinuxSystem
import TrustMetadata

/// `hostctl doctor`.
public struct DoctorCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check what hostctl needs here, and say what is missing and why.",
        discussion: """
            Looks at the kernel, the file systems, the programs and libraries, the keys, the clock and what other \
            commands have left. Nothing is repaired. Exits with 1 when there is a problem; warnings alone are no \
            failure.

            Example: hostctl doctor --network
            """)

    @Flag(help: "Ask the origin, too; without this, no network is used.") var network = false
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    public init() {}

    public func run() throws {
        let examination = Examination(
            root: sysroot.root, isNamed: sysroot.sysroot != nil, store: FrontEnd.storePath,
            version: HostctlVersion.current)
        let report = DoctorReport(examination.run(network: network))
        output.show(report)
        if report.hasProblem {
            try StandardDescriptors.flush()
            throw ExitCode.failure
        }
    }
}

/// What `hostctl doctor` prints.
struct DoctorReport: OutputValue {
    private let findings: [Finding]

    init(_ findings: [Finding]) { self.findings = findings }

    var hasProblem: Bool { findings.contains { $0.level == .problem } }

    var text: String { (findings.flatMap(lines) + [summary]).joined(separator: "\n") }

    private func lines(_ finding: Finding) -> [String] {
        let label = finding.level == .problem ? "PROBLEM" : finding.level.rawValue
        let start = label + String(repeating: " ", count: 9 - label.count)
        var lines = ["\(start)\(finding.check): \(finding.text)"]
        let indent = String(repeating: " ", count: 9)
        if let why = finding.why { lines.append("\(indent)why: \(why)") }
        if let advice = finding.advice { lines.append("\(indent)help: \(advice)") }
        return lines.map(\.terminalSafe)
    }

    private var summary: String {
        let count = { (level: Finding.Level) in findings.count { $0.level == level } }
        let words = { (count: Int, word: String) in "\(count) \(word)\(count == 1 ? "" : "s")" }
        return "\(words(count(.problem), "problem")), \(words(count(.warning), "warning"))"
    }

    /// Format 1; docs/disk-format.md describes it.
    var json: JSONValue {
        let text = { (value: String?) in value.map { JSONValue.string($0) } ?? .null }
        return [
            "format": 1, "healthy": .bool(!hasProblem),
            "findings": .array(
                findings.map {
                    [
                        "check": .string($0.check), "level": .string($0.level.rawValue), "text": .string($0.text),
                        "why": text($0.why), "advice": text($0.advice),
                    ]
                }),
        ]
    }
}
