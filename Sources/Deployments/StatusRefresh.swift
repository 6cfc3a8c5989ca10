import Glibc
import LinuxSystem
public import Sysroots

extension SysrootChange {
    /// Writes the status file anew after a change of what it tells, under the sysroot's lock.
    ///
    /// Whoever holds the lock writes the file when done, and what was read meanwhile may be outdated: then nothing is
    /// written.
    /// - Parameters:
    ///   - paths: the sysroot's.
    ///   - command: as `hostctl cleanup`.
    ///   - host: the running system.
    ///   - prepare: what is to be done before, and under the lock only.
    /// - Throws: `SystemError`, and what `prepare` throws.
    public static func refreshStatus(
        _ paths: SysrootPaths, command: String, host: RunningHost = RunningHost(), after prepare: () throws -> Void = {}
    ) throws {
        do {
            let lock = try FileLock(paths.lock, .exclusive, seconds: 0, holder: "\(command) (pid \(getpid()))")
            try prepare()
            try StatusFile(paths).write(SysrootReader(root: paths.root, host: host).report())
            withExtendedLifetime(lock) {}
        } catch is LockedError {}
    }
}
