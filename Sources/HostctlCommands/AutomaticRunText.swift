import ArgumentParser
public import Sysroots

/// Automatic updates in words.
public enum AutomaticRunText {
    /// What a run came to.
    public static func sentence(_ run: AutomaticRun) -> String {
        let release = run.version ?? "a release"
        let detail = run.detail.map { ": \($0)" } ?? ""
        return switch run.result {
        case .off: "nothing is done"
        case .held: "held\(detail)"
        case .unchanged: "nothing newer than \(release)"
        case .available: "\(release) is available"
        case .downloaded: "\(release) is downloaded"
        case .deployed: "\(release) is deployed and starts with the next boot"
        case .rolledBack: "\(release) was rolled back from and is not deployed again unasked"
        case .bad: "\(release) did not come up on this host and is not deployed again unasked\(detail)"
        case .restarting: "\(release) is deployed, the host restarts"
        case .postponed: "\(release) is deployed, the restart is postponed\(detail)"
        case .notBooted: "\(release) is deployed, and did not boot when the host was restarted for it"
        case .failed: "failed with exit code \(run.category.map { ExitCode($0).rawValue } ?? 1)\(detail)"
        }
    }

    /// How long a pause lasts, and why.
    public static func sentence(_ hold: UpdateHold) -> String {
        let end = hold.until.map { "until \(UTCTime($0))" } ?? "until 'hostctl auto-update resume'"
        return hold.reason.map { "\(end): \($0)" } ?? end
    }
}
