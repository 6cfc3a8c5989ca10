import Deployments
import Glibc
public import Sysroots
public import SystemPackage

/// Pausing automatic updates. What an operator asks for by hand goes on.
public struct AutomaticUpdateHold {
    private let paths: SysrootPaths

    public init(root: FilePath) { paths = SysrootPaths(root: root) }

    /// Begins a pause, or replaces one.
    ///
    /// - Parameter seconds: after which it ends by itself; `nil` for never.
    /// - Throws: `SystemError`.
    public func begin(seconds: Int64?, reason: String?) throws -> UpdateHold {
        let now = Int64(time(nil))
        let hold = UpdateHold(since: now, until: seconds.map { Self.end(now, $0) }, reason: reason)
        try hold.save(paths)
        try SysrootChange.refreshStatus(paths, command: "hostctl auto-update hold")
        return hold
    }

    /// What no calendar can tell any more is its last second: a pause must not end because it is long.
    private static func end(_ now: Int64, _ seconds: Int64) -> Int64 {
        let (sum, isOver) = now.addingReportingOverflow(seconds)
        return isOver || sum > lastSecond ? lastSecond : sum
    }

    /// 9999-12-31 23:59:59 UTC.
    private static let lastSecond: Int64 = 253_402_300_799

    /// Ends a pause.
    ///
    /// - Returns: whether there was one.
    /// - Throws: `SystemError`, `SysrootError`.
    public func end() throws -> Bool {
        let wasHeld = try UpdateHold.load(paths)?.isActive(at: Int64(time(nil))) == true
        try UpdateHold.clear(paths)
        try SysrootChange.refreshStatus(paths, command: "hostctl auto-update resume")
        return wasHeld
    }
}
