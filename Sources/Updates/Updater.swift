import Deployments
public import LinuxSystem
public import Sysroots
public import SystemPackage
public import Transfers

/// Brings a sysroot from one release to another.
public struct Updater {
    public let paths: SysrootPaths
    /// As `hostctl upgrade`: for the history, and for those who wait.
    public let command: String
    /// The running program's version, which a release may be too new for.
    public let version: String
    public let options: TransferOptions
    /// Seconds to wait for another process that changes the sysroot.
    public let wait: Double
    public let progress: ProgressHandler
    public let notices: Notices

    public init(
        root: FilePath, command: String, version: String, options: TransferOptions, wait: Double = 0,
        progress: @escaping ProgressHandler = { _ in }, notices: Notices = Notices()
    ) {
        paths = SysrootPaths(root: root)
        self.command = command
        self.version = version
        self.options = options
        self.wait = wait
        self.progress = progress
        self.notices = notices
    }

    /// Does what is asked. A failure is remembered where `status` shows it.
    ///
    /// - Throws: `UpdateError`, `ReleaseError`, `TrustMetadataError`, `TransferError`, `StoreError`,
    ///   `DeploymentError`, `LockedError`, `SystemError`. The deployments are then as they were.
    public func run(_ request: UpdateRequest) throws -> UpdateOutcome {
        let reader = SysrootReader(root: paths.root)
        guard reader.isSysroot else { throw DeploymentError.notASysroot(path: paths.root.string) }
        do {
            let outcome = try request.goal == .check ? Update(self, reader, request).check() : change(reader, request)
            if outcome.result != .deployed, try FailureRecord.load(paths)?.command == command {
                try FailureRecord.clear(paths)
                try SysrootChange.refreshStatus(paths, command: command)
            }
            return outcome
        } catch let error as DeploymentError where error.isRemembered {
            throw error
        } catch {
            try SysrootChange.remember(error, command: command, paths: paths)
            throw error
        }
    }

    /// What is followed, trusted and deployed is read under the lock: another command may just have changed it.
    private func change(_ reader: SysrootReader, _ request: UpdateRequest) throws -> UpdateOutcome {
        let lock = try Downloads(paths).lock(holder, seconds: wait, waiting: notices.waiting)
        defer { withExtendedLifetime(lock) {} }
        // An update that was killed after its switch looks finished, and still has its remains to be removed.
        let hasBegun = PendingChange.exists(in: paths)
        if hasBegun { _ = try SysrootChange(root: paths.root, command: command, wait: wait, notices: notices) }
        try reader.rememberRevokedKeys()
        return try Update(self, reader, request).run(hasBegun: hasBegun)
    }

    /// The command and the process, as others see it in a lock.
    var holder: String { "\(command) (pid \(ProcessStart.id))" }
}
