import BootLoaders
import EtcMerges
import Glibc
import LinuxSystem
public import Sysroots
public import SystemPackage

extension SysrootChange {
    /// The command that the shutdown runs, as failures of it are remembered.
    public static let finalizeCommand = "hostctl finalize"

    /// What `finalize` came to.
    public enum Finalization: Sendable {
        /// Nothing is staged.
        case nothing
        /// The deployment boots next.
        case switched(DeploymentRecord)
    }

    /// Switches to what is staged: merges /etc into it and gives it its boot entry. Run again, it does what is missing.
    ///
    /// Everything that can fail has been tried when it was staged; a failure all the same is remembered where `status`
    /// and the next command show it, and leaves it staged.
    /// - Parameters:
    ///   - resuming: whether only to complete what was cut off.
    ///   - wait: seconds to wait for locks.
    /// - Throws: `DeploymentError`, `LockedError`, `EtcMergeError`, `BootLoaderError`, `SysrootError`, `SystemError`.
    public static func finalize(
        root: FilePath, resuming: Bool = false, wait: Double = 0,
        host: RunningHost = RunningHost(), waiting: (String?) -> Void = { _ in }
    ) throws -> Finalization {
        let paths = SysrootPaths(root: root)
        do {
            guard paths.hasBootPartition, let staged = try StagedDeployment.load(paths) else {
                return .nothing
            }
            if resuming, try PendingChange.load(paths)?.action != .finalize { return .nothing }
            let change = try SysrootChange(
                taking: root, command: finalizeCommand, wait: wait, host: host, waiting: waiting)
            try change.requireAgreement()
            if try PendingChange.load(paths)?.action != .finalize { try change.completeInterrupted() }
            guard try StagedDeployment.load(paths) == staged else { return .nothing }
            return .switched(try change.finalizeStaged(staged))
        } catch {
            try remember(error, command: finalizeCommand, paths: paths, host: host)
            throw error
        }
    }

    /// Completes a finalization that was cut off, for a command that has something else to do: a failure is remembered,
    /// and is in nobody's way.
    func resumeFinalization() throws {
        guard let staged = try StagedDeployment.load(paths) else { return }
        do { _ = try finalizeStaged(staged) } catch {
            try PendingChange.clear(paths)
            try recordFailure(error, of: Self.finalizeCommand)
        }
    }

    private func finalizeStaged(_ staged: StagedDeployment) throws -> DeploymentRecord {
        guard let boot else { throw DeploymentError.unknownDeployment(staged.name.description) }
        let report = reader.readDeployments()
        let retained = report.retained(in: staged.name.stateroot, lastGood: LastGood.read(paths))
        let dropped = report.listed.map(\.name).filter { !retained.contains($0) && $0 != staged.name }
        try PendingChange(.finalize, staged.name, dropping: dropped).save(paths)
        do {
            try switchTo(staged, by: boot)
        } catch {
            // It stays staged, and the next shutdown tries again.
            do { try PendingChange.clear(paths) } catch {}
            throw error
        }
        try StagedDeployment.clear(paths)
        FaultPoint.reached("finalize.after-record")
        refreshMirror()
        try completeReset()
        // What it replaces is removed by the next turn: a shutdown has no time for that.
        let record = try finish(.finalize, staged.name)
        if dropped.isEmpty { try PendingChange.clear(paths) }
        return record
    }

    private func switchTo(_ staged: StagedDeployment, by boot: BootSwitch) throws {
        guard try boot.entries(of: staged.name).isEmpty else { return }
        guard Files.isFolder(paths.folder(of: staged.name)) else {
            throw DeploymentError.notDeployable(detail: "the folder of \(staged.name) is gone")
        }
        FaultPoint.reached("finalize.before-etc")
        if let source = staged.merging {
            let policy = staged.policy.flatMap { EtcPolicy(rawValue: $0) } ?? .keep
            let kept = staged.resetting?.map { EtcPath($0) }
            try mergeEtc(from: source, into: staged.name, policy: policy, resetting: kept)
        }
        FaultPoint.reached("finalize.after-etc")
        let checksum = bootChecksum(of: staged.name)
        if !boot.isPrepared(staged.name, checksum) { try boot.prepare(staged.name) }
        FaultPoint.reached("finalize.before-switch")
        try boot.activate(
            staged.name, checksum, title: staged.title, arguments: staged.arguments, tries: boot.configuration.tries)
        FaultPoint.reached("finalize.after-switch")
    }

    private func bootChecksum(of name: DeploymentName) -> String? {
        reader.readDeployments().deployments.first { $0.name == name }?.bootChecksum
    }
}
