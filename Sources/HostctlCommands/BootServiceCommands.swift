public import ArgumentParser
public import HealthChecks
import LinuxSystem
import Settings
import Sysroots
import SystemPackage
public import TrustMetadata

// What the units of a boot run; not shown in the help. None of it needs the store.

/// `hostctl boot record`, which `hostctl-boot-record.service` runs.
public struct BootRecordCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Notice which deployments did not come up.",
        discussion: "Example: hostctl boot record", shouldDisplay: false)

    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    public init() {}

    public func run() throws {
        let lines = try BootAssessment(root: sysroot.root, command: "hostctl boot record", wait: waiting.wait).record()
        output.show(LinesOutput(lines: lines))
    }
}

private struct LinesOutput: OutputValue {
    let lines: [String]
    var text: String { lines.isEmpty ? "nothing to be noticed" : lines.joined(separator: "\n") }
    var json: JSONValue { ["noticed": .array(lines.map { .string($0) })] }
}

/// `hostctl boot check`, which `hostctl-health.service` runs.
public struct BootCheckCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Run the health checks of this boot.",
        discussion: "Example: hostctl boot check", shouldDisplay: false)

    @OptionGroup var output: OutputOptions

    public init() {}

    public func run() throws {
        let (settings, problem) = BootHooks.settings()
        var report = try HealthRun(settings: settings) { StandardError.write("\($0)\n") }.run()
        // An operator's slip is no reason to take a release for a bad one.
        if let problem { report.results.append(.init(name: "hostctl.conf", isRequired: false, failure: problem)) }
        try report.save()
        output.show(HealthOutput(report: report))
        if !report.isHealthy { throw ExitCode.failure }
    }
}

/// The answer of `boot check`.
public struct HealthOutput: OutputValue {
    let report: HealthReport

    public init(report: HealthReport) { self.report = report }

    public var text: String {
        report.firstFailure.map { "this boot has failed: \($0)" } ?? "all required checks have passed"
    }

    public var json: JSONValue { report.json }
}

/// The hooks that are told how a boot went.
public enum BootHooks {
    /// The host's settings, or the defaults and why.
    static func settings() -> (HealthSettings, String?) {
        do { return (try HostSettings(below: "/").health, nil) } catch {
            return (HealthSettings(), (error as? any ExplainedError)?.reason ?? "\(error)")
        }
    }

    public static func run(_ folder: String) throws {
        try HealthRun(settings: settings().0) { StandardError.write("\($0)\n") }.tell(folder)
    }
}
