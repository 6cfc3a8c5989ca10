public import ArgumentParser
import Checksums
import HealthChecks
import Sysroots
import TrustMetadata

/// `hostctl boot mark-good`.
public struct BootMarkGoodCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "mark-good", abstract: "Say that a deployment has proved itself.",
        discussion: """
            hostctl-mark-good.service does this at the end of each boot whose health checks have passed, and runs the green \
            hooks. By default it is about the deployment that runs.

            Example: hostctl boot mark-good
            """)

    @Argument(help: "The deployment's index, as 'hostctl status' shows it.") var index: Int?
    @Flag(help: "Run the hooks in green.d as well.") var hooks = false
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    public init() {}

    public func run() throws {
        let assessment = BootAssessment(
            root: sysroot.root, command: "hostctl boot mark-good", wait: waiting.wait)
        let record = try assessment.markGood(index)
        output.show(MarkedOutput(record: record, word: "good"))
        if hooks { try BootHooks.run("green.d") }
    }
}

/// `hostctl boot mark-bad`.
public struct BootMarkBadCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "mark-bad", abstract: "Say that a deployment is no good: another one boots next.",
        discussion: """
            Its release is remembered, and not taken again by itself ('hostctl upgrade --force' takes it); only the deployment is, \
            where the release is that of the last good one. By default it is \
            about the deployment that runs.

            Example: hostctl boot mark-bad --reason 'the database does not start'
            """)

    @Argument(help: "The deployment's index, as 'hostctl status' shows it.") var index: Int?
    @Option(help: "Why; 'hostctl status' shows it.") var reason: String?
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    public init() {}

    public func run() throws {
        let assessment = BootAssessment(root: sysroot.root, command: "hostctl boot mark-bad", wait: waiting.wait)
        output.show(MarkedOutput(record: try assessment.markBad(index, reason: reason), word: "bad"))
    }
}

/// The answer of `mark-good` and `mark-bad`.
private struct MarkedOutput: OutputValue {
    let record: DeploymentRecord
    let word: String

    var text: String { "\(record.version ?? record.name.description) is marked \(word)" }

    var json: JSONValue {
        [
            "deployment": .string(record.name.description), "commit": .string(record.checksum.hex),
            "version": record.version.map { .string($0) } ?? .null, "marked": .string(word),
        ]
    }
}
