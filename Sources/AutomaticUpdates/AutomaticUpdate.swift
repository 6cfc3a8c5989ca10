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
public struct AutomaticUpdate: Sendable {
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
            remember(error, effective)
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
        if mayRestart { try restart.noteRunning() }
        if let hold = try activeHold() {
            (run.result, run.detail) = (.held, hold.reason)
            return run
        }
        let found = try updater(host).run(UpdateRequest(.check))
        run.version = found.manifest.version.text
        let restarts = policy == .reboot && mayRestart
        if found.result == .unchanged {
            run.result = .unchanged
            try completeInterrupted(host, policy, found)
            if restarts, let name = found.previous?.name, restart.isNeeded(for: name) { try decideRestart(&run, name) }
        } else if let objection = try objection(to: found.manifest.commit) {
            (run.result, run.detail) = (objection.result, objection.detail)
        } else {
            try goOn(host, policy, found, restarts: restarts, &run)
        }
        run.time = now
        return run
    }

    /// A run that was killed after its switch has left its remains to the next one, which finds nothing new.
    private func completeInterrupted(_ host: HostOptions, _ policy: UpdatePolicy, _ found: UpdateOutcome) throws {
        guard policy == .stage || policy == .reboot, PendingChange.exists(in: paths) else { return }
        var request = UpdateRequest(.deploy, version: found.manifest.version.text)
        // Somebody may have gone back while this waited for the lock.
        request.isStillWanted = { try objection(to: $0) == nil }
        _ = try updater(host).run(request)
    }

    /// Does with a new release what the policy is.
    private func goOn(
        _ host: HostOptions, _ policy: UpdatePolicy, _ found: UpdateOutcome, restarts: Bool, _ run: inout AutomaticRun
    ) throws {
        // The very release that was judged, though another may have come meanwhile.
        let version = found.manifest.version.text
        switch policy {
        case .off, .check: run.result = .available
        case .download:
            _ = try updater(host).run(UpdateRequest(.download, version: version))
            run.result = .downloaded
        case .stage, .reboot: try deploy(host, version, restarts: restarts, &run)
        }
    }

    private func deploy(_ host: HostOptions, _ version: String, restarts: Bool, _ run: inout AutomaticRun) throws {
        // The wait for another command and the download take long enough for a change of mind.
        let late = Guarded<Objection?>(nil)
        var request = UpdateRequest(.deploy, version: version)
        request.isStillWanted = { commit in
            let found = try objection(to: commit)
            late.with { $0 = found }
            return found == nil
        }
        let outcome = try updater(host).run(request)
        if let objection = late.with({ $0 }) {
            (run.result, run.detail) = (objection.result, objection.detail)
            return
        }
        run.result = .deployed
        if restarts, outcome.result == .deployed, let name = outcome.deployment?.name { try decideRestart(&run, name) }
    }

    /// A pause that began meanwhile keeps the host running, too.
    private func decideRestart(_ run: inout AutomaticRun, _ deployment: DeploymentName) throws {
        if let hold = try activeHold() {
            run.result = .postponed
            run.detail = hold.reason.map { "held: \($0)" } ?? "held"
        } else {
            run.result = try restart.decide(for: deployment)
        }
    }

    private var restart: RestartDecision { RestartDecision(paths: paths, host: RunningHost()) }

    private func activeHold() throws -> UpdateHold? {
        try UpdateHold.load(paths).flatMap { $0.isActive(at: now) ? $0 : nil }
    }

    /// Why a release is not deployed though the policy says so.
    private struct Objection: Sendable {
        let result: AutomaticRun.Result
        var detail: String?
    }

    private func objection(to commit: Checksum) throws -> Objection? {
        if let hold = try activeHold() { return Objection(result: .held, detail: hold.reason) }
        if paths.hasBootPartition, let bad = try BootRecords.load(paths).bad(commit) {
            return Objection(result: .bad, detail: bad.reason)
        }
        // What somebody has asked for, and what another release would take the place of.
        if try StagedDeployment.load(paths)?.resetting != nil {
            return Objection(result: .postponed, detail: "a factory reset begins with the next boot")
        }
        return try wasRolledBack(commit) ? Objection(result: .rolledBack) : nil
    }

    private func updater(_ host: HostOptions) -> Updater {
        let notices = Notices(
            waiting: { [notice] in notice("waiting for \($0 ?? "another process")") }, warning: notice)
        return Updater(
            root: paths.root, command: Self.command, version: version, options: host.transfers, wait: wait,
            progress: progress, notices: notices)
    }

    /// Whether the operator has gone back from a release, and has chosen no other since. It would come again with every
    /// run otherwise.
    private func wasRolledBack(_ commit: Checksum) throws -> Bool {
        // A pin chooses nothing, and neither does a failure.
        let chosen: [HistoryEntry.Action] = [.install, .deploy, .stage, .finalize, .rollback]
        let changes = try History(paths).entries().filter { chosen.contains($0.action) }
        guard changes.last?.action == .rollback else { return false }
        return changes.contains { $0.deployment?.contains("/\(commit.hex).") == true }
    }

    private var now: Int64 { Int64(time(nil)) }

    private func record(_ run: AutomaticRun) throws {
        try run.save(paths)
        try SysrootChange.refreshStatus(paths, command: Self.command)
    }

    /// The disk that is too full for the update may be so for this, too, and the first error counts.
    private func remember(_ error: any Error, _ policy: UpdatePolicy?) {
        let explained = error as? any ExplainedError
        let run = AutomaticRun(
            time: now, policy: policy?.rawValue ?? "unknown", result: .failed, detail: explained?.reason ?? "\(error)",
            category: explained?.category ?? .failed)
        do { try record(run) } catch {}
    }
}
