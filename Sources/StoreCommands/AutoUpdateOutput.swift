import Glibc
import HostctlCommands
import LinuxSystem
import Settings
import Sysroots
import TrustMetadata

/// What is worth a line in the journal, and is no result.
enum Notice {
    static let show: @Sendable (String) -> Void = { StandardError.write("\($0)\n") }
}

/// The answer of `auto-update run`.
struct AutomaticRunOutput: OutputValue {
    let run: AutomaticRun
    var text: String { "policy \(run.policy): \(AutomaticRunText.sentence(run))" }
    var json: JSONValue { run.json }
}

/// The answer of `auto-update status`.
struct AutoUpdateStatusOutput: OutputValue {
    let policy: UpdatePolicy
    let report: SysrootReport

    private var hold: UpdateHold? { report.hold.flatMap { $0.isActive(at: Int64(time(nil))) ? $0 : nil } }

    var text: String {
        var lines = ["policy: \(policy.rawValue)"]
        if let hold { lines.append("held: \(AutomaticRunText.sentence(hold))") }
        let last = report.lastAutomaticRun.map { "\(UTCTime($0.time)), \(AutomaticRunText.sentence($0))" }
        lines.append("last run: \(last ?? "none")")
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "policy": .string(policy.rawValue), "hold": hold?.json ?? .null,
            "last_run": report.lastAutomaticRun?.json ?? .null,
        ]
    }
}

/// The answer of `auto-update hold`.
struct HoldOutput: OutputValue {
    let hold: UpdateHold
    var text: String { "automatic updates wait \(AutomaticRunText.sentence(hold))" }
    var json: JSONValue { hold.json }
}

/// The answer of `auto-update resume`.
struct ResumeOutput: OutputValue {
    let wasHeld: Bool
    var text: String { wasHeld ? "automatic updates go on" : "automatic updates were not held" }
    var json: JSONValue { ["was_held": .bool(wasHeld)] }
}
