import Glibc
import LinuxSystem
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
        let hold = UpdateHold(
            since: now, until: seconds.map { now.addingReportingOverflow($0).partialValue }, reason: reason)
        try hold.save(paths)
        try StatusRefresh(paths).perform("hostctl auto-update hold")
        return hold
    }

    /// Ends a pause.
    ///
    /// - Returns: whether there was one.
    /// - Throws: `SystemError`, `SysrootError`.
    public func end() throws -> Bool {
        let wasHeld = try UpdateHold.load(paths)?.isActive(at: Int64(time(nil))) == true
        try UpdateHold.clear(paths)
        try StatusRefresh(paths).perform("hostctl auto-update resume")
        return wasHeld
    }
}

/// Writes the status file anew after a change of what it tells.
struct StatusRefresh {
    private let paths: SysrootPaths

    init(_ paths: SysrootPaths) { self.paths = paths }

    /// Whoever holds the sysroot's lock writes the file when done; what was read meanwhile may be outdated.
    func perform(_ command: String) throws {
        do {
            let holder = "\(command) (pid \(ProcessStart.id))"
            let lock = try FileLock(paths.lock, .exclusive, seconds: 0, holder: holder)
            try StatusFile(paths).write(SysrootReader(root: paths.root).report())
            withExtendedLifetime(lock) {}
        } catch is LockedError {}
    }
}
