import Checksums
import Deployments
import Glibc
public import LinuxSystem
import Releases
public import Settings
public import Sysroots
public import SystemPackage
public import Transfers
import Updates

/// What a timer starts: an update as far as the policy goes, and a record of what came of it.
public struct AutomaticUpdate {
    /// The name under which `status` and those who wait know it.
    public static let command = "hostctl auto-update run"

    public let paths: SysrootPaths
    private let version: String
    private let base: TransferOptions
    private let wait: Double
    private let progress: ProgressHandler
    private let notice: @Sendable (String) -> Void

    /// - Parameters:
    ///   - version: the running program's.
    ///   - base: what the settings do not say of transfers.
    ///   - wait: seconds to wait for another hostctl.
    ///   - notice: told who is waited for, and what is ignored or left out.
    public init(
        root: FilePath, version: String, base: TransferOptions, wait: Double,
        progress: @escaping ProgressHandler = { _ in }, notice: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        paths = SysrootPaths(root: root)
        self.version = version
        self.base = base
        self.wait = wait
        self.progress = progress
        self.notice = notice
    }

    /// Updates, and records how it ended.
    ///
    /// The result `restarting` asks the caller to restart the host now; `postpone` records that it could not.
    /// - Parameters:
    ///   - policy: instead of the settings'.
    ///   - mayRestart: whether this is the running host.
    /// - Throws: `SettingsError`, and as `Updater.run`.
    public func run(policy: UpdatePolicy? = nil, mayRestart: Bool) throws -> AutomaticRun {
        guard SysrootReader(root: paths.root).isSysroot else {
            throw DeploymentError.notASysroot(path: paths.root.string)
        }
        var effective = policy
        do {
            let host = try HostOptions(root: paths.root, command: Self.command, base: base, notice: notice)
            effective = policy ?? host.settings.policy
            let run = try update(host, policy ?? host.settings.policy, mayRestart: mayRestart)
            if run.result != .off { try record(run) }
            return run
        } catch {
            try remember(error, effective)
            throw error
        }
    }

    /// Records that the host did not restart, which the next run tries again.
    ///
    /// - Throws: `SystemError`.
    public func postpone(_ run: AutomaticRun, because reason: String) throws -> AutomaticRun {
        var run = run
        run.result = .postponed
        run.detail = reason
        try record(run)
        return run
    }

    private func update(_ host: HostOptions, _ policy: UpdatePolicy, mayRestart: Bool) throws -> AutomaticRun {
        var run = AutomaticRun(time: now, policy: policy.rawValue, result: .off)
        if policy == .off { return run }
        if let hold = try UpdateHold.load(paths), hold.isActive(at: now) {
            (run.result, run.detail) = (.held, hold.reason)
            return run
        }
        let found = try updater(host).run(UpdateRequest(.check))
        run.version = found.manifest.version.text
        if found.result == .unchanged {
            let isWaiting = policy == .reboot && mayRestart && found.previous?.isBooted == false
            run.result = !isWaiting ? .unchanged : try wasRestarted(for: run.version) ? .notBooted : .restarting
        } else if try wasRolledBack(found.manifest.commit) {
            run.result = .rolledBack
        } else {
            run.result = try goOn(host, policy, found, mayRestart: mayRestart)
        }
        run.time = now
        return run
    }

    /// Does with a new release what the policy is.
    private func goOn(
        _ host: HostOptions, _ policy: UpdatePolicy, _ found: UpdateOutcome, mayRestart: Bool
    ) throws -> AutomaticRun.Result {
        // The very release that was judged, though another may have come meanwhile.
        let version = found.manifest.version.text
        switch policy {
        case .off, .check: return .available
        case .download:
            _ = try updater(host).run(UpdateRequest(.download, version: version))
            return .downloaded
        case .stage, .reboot:
            let outcome = try updater(host).run(UpdateRequest(.deploy, version: version))
            return policy == .reboot && mayRestart && outcome.result == .deployed ? .restarting : .deployed
        }
    }

    private func updater(_ host: HostOptions) -> Updater {
        let announce: @Sendable (String?) -> Void = { [notice] in notice("waiting for \($0 ?? "another process")") }
        return Updater(
            root: paths.root, command: Self.command, version: version, options: host.transfers, wait: wait,
            progress: progress, waiting: announce)
    }

    /// Whether the operator has gone back from a release, and has chosen no other since. It would come again with every
    /// run otherwise.
    private func wasRolledBack(_ commit: Checksum) throws -> Bool {
        let changes = try History(paths).entries().filter { $0.action != .pin && $0.action != .unpin }
        guard changes.last?.action == .rollback else { return false }
        return changes.contains { $0.deployment?.contains("/\(commit.hex).") == true }
    }

    /// Whether the last run has restarted the host for this release already.
    private func wasRestarted(for version: String?) throws -> Bool {
        guard let last = try AutomaticRun.load(paths), last.version == version else { return false }
        return last.result == .restarting || last.result == .notBooted
    }

    private var now: Int64 { Int64(time(nil)) }

    private func record(_ run: AutomaticRun) throws {
        try run.save(paths)
        try StatusRefresh(paths).perform(Self.command)
    }

    /// The disk that is too full for the update may be so for this, too, and the first error counts.
    private func remember(_ error: any Error, _ policy: UpdatePolicy?) throws {
        let explained = error as? any ExplainedError
        let run = AutomaticRun(
            time: now, policy: policy?.rawValue ?? "unknown", result: .failed, detail: explained?.reason ?? "\(error)",
            category: explained?.category ?? .failed)
        do { try record(run) } catch is SystemError {}
    }
}
