import Glibc
import LinuxSystem
import OSTree
import ObjectStorage
public import Sysroots
public import SystemPackage

/// One process's turn to change a sysroot. The locks are held while the value lives.
///
/// Taking a turn first completes what an interrupted one has left, so that running a command again after a kill
/// is all that is ever needed.
public final class SysrootChange {
    /// Where things lie.
    public let paths: SysrootPaths
    /// The command that makes the change, for the history and the origin file.
    public let command: String

    let reader: SysrootReader
    let sysroot: Sysroot
    let store: Store
    /// The entries on the boot partition; `nil` where the links below /boot are the switch.
    let boot: BootSwitch?
    private let lock: FileLock?
    let notices: Notices
    /// The interrupted change that turned out to have come past its switch, so that asking for it again is done.
    var completed: PendingChange?
    /// What a rollback has discarded instead of going back.
    public internal(set) var discarded: DeploymentRecord?
    /// The interrupted reset that this turn has completed.
    var completedReset: ResetRecord.Pending?
    /// The reset that this turn is making: when that fails, the error tells it.
    var ownReset: DeploymentName?

    /// Takes hostctl's lock, then libostree's, and compares libostree's list of deployments with ours.
    ///
    /// - Parameters:
    ///   - root: the physical root.
    ///   - command: as `hostctl upgrade`; those who wait for the lock are told.
    ///   - wait: seconds to wait for the locks, 0 for none.
    ///   - host: the running system.
    ///   - notices: what the operator is told meanwhile.
    /// - Throws: `DeploymentError.notASysroot`; `LockedError` when the time is over;
    ///   `DeploymentError.viewsDiffer` when the sysroot is damaged; `StoreError`, `OSTreeError`, `SystemError`.
    public convenience init(
        root: FilePath, command: String, wait: Double = 0, host: RunningHost = RunningHost(),
        notices: Notices = Notices()
    ) throws {
        try self.init(taking: root, command: command, wait: wait, host: host, notices: notices)
        try requireAgreement()
        try completeInterrupted()
    }

    /// Takes the locks only: what an interrupted turn has left is still there, and the views may differ.
    init(
        taking root: FilePath, command: String, wait: Double = 0, host: RunningHost = RunningHost(),
        notices: Notices = Notices()
    ) throws {
        paths = SysrootPaths(root: root)
        self.command = command
        self.notices = notices
        reader = SysrootReader(root: root, host: host)
        guard reader.isSysroot else { throw DeploymentError.notASysroot(path: root.string) }
        try Files.makeFolder(paths.state)
        let start = ContinuousClock.now
        lock = try FileLock(
            paths.lock, .exclusive, seconds: wait, holder: "\(command) (pid \(getpid()))",
            waiting: notices.waiting)
        store = try Store(opening: paths.repository)
        sysroot = Sysroot(at: root)
        boot = try BootSwitch(paths, host: host)
        try takeLibraryLock(deadline: start + .seconds(wait))
        try reader.rememberRevokedKeys()
    }

    /// Looks without a lock and writes nothing: for what only tells what would be done.
    init(inspecting root: FilePath, command: String, host: RunningHost = RunningHost()) throws {
        paths = SysrootPaths(root: root)
        self.command = command
        reader = SysrootReader(root: root, host: host)
        guard reader.isSysroot else { throw DeploymentError.notASysroot(path: root.string) }
        lock = nil
        notices = Notices()
        store = try Store(opening: paths.repository)
        sysroot = Sysroot(at: root)
        boot = try BootSwitch(paths, host: host)
    }

    deinit { sysroot.unlock() }

    private func takeLibraryLock(deadline: ContinuousClock.Instant) throws {
        var announced = false
        while try !sysroot.tryLock() {
            let holder = "an ostree command"
            if ContinuousClock.now >= deadline {
                throw LockedError(path: paths.root.appending("ostree/lock").string, holder: holder)
            }
            if !announced { notices.waiting(holder) }
            announced = true
            usleep(50_000)
        }
    }

    /// The sysroot as it is now.
    public func report() -> SysrootReport { reader.report() }

    /// libostree's deployments, each with our own record of it, in boot order.
    func listed() -> [(deployment: Deployment, record: DeploymentRecord)] {
        Array(zip(sysroot.deployments, reader.readDeployments().listed))
    }

    /// Writes a finished change into history and status file. A new default makes the last failure history; a pin
    /// says nothing about why an upgrade failed. The pending change is
    /// cleared after this, so that what an interruption prevents is made up for.
    ///
    /// - Parameter resuming: the change was interrupted, and may stand in the history already.
    func finish(
        _ action: HistoryEntry.Action, _ name: DeploymentName, resuming: Bool = false
    ) throws -> DeploymentRecord {
        if action != .pin, action != .unpin { try FailureRecord.clear(paths) }
        let report = reader.report()
        guard let record = report.deployments.first(where: { $0.name == name }) else {
            throw DeploymentError.unknownDeployment(name.description)
        }
        let history = History(paths)
        let last = resuming ? try history.entries().last { $0.action != .failure } : nil
        // An installation is resumed as the deployment that it also is.
        let isKnown = last?.deployment == name.description && (last?.action == action || last?.action == .install)
        if !isKnown {
            try history.add(
                HistoryEntry(
                    time: Int64(time(nil)), command: command, action: action, deployment: name.description,
                    version: record.version))
        }
        try StatusFile(paths).write(report)
        return record
    }

    /// Remembers why a change failed, where `status` shows it after a reboot.
    ///
    /// - Throws: no `SystemError`: the disk that is too full or read-only for the change may be so for this, too,
    ///   and the first error counts.
    ///
    /// - Parameter command: whose failure it is; this one's by default.
    public func recordFailure(_ error: any Error, of command: String? = nil) throws {
        try Self.save(error, command ?? self.command, paths) { failure in
            try History(paths).add(HistoryEntry(failure))
            try StatusFile(paths).write(reader.report())
        }
    }

    /// Remembers why a turn could not even begin, as `recordFailure` does for one that has.
    ///
    /// A `LockedError` is not remembered, as the other one's story is not ours to tell, and nothing is where there is
    /// no sysroot.
    /// - Parameters:
    ///   - error: what `init` has thrown.
    ///   - command: as `hostctl rollback`.
    ///   - paths: the sysroot's.
    ///   - host: the running system.
    /// - Throws: as `recordFailure`.
    public static func remember(
        _ error: any Error, command: String, paths: SysrootPaths, host: RunningHost = RunningHost()
    ) throws {
        let reader = SysrootReader(root: paths.root, host: host)
        guard !(error is LockedError), reader.isSysroot else { return }
        try save(error, command, paths) { failure in
            // The history is replaced whole, so that only the lock's holder may add to it.
            try refreshStatus(paths, command: command, host: host) { try History(paths).add(HistoryEntry(failure)) }
        }
    }

    private static func save(
        _ error: any Error, _ command: String, _ paths: SysrootPaths, showing show: (FailureRecord) throws -> Void
    ) throws {
        do {
            let failure = FailureRecord(command: command, error: error)
            try failure.save(paths)
            try show(failure)
        } catch is SystemError {}
    }
}
