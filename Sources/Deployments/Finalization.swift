import BootLoaders
import EtcMerges
import Glibc
import LinuxSystem
public import Sysroots
public import SystemPackage

extension SysrootChange {
    /// The command that the shutdown runs, as failures of it are remembered.
    public static let finalizeCommand = "hostctl finalize"

    /// Why `finalize` is called.
    public enum Occasion: Sendable {
        /// The host goes down; what does not run is always down.
        case shutdown
        /// It has come up again: only what was cut off is looked at.
        case resumption
        /// Somebody wants it now. What is changed in /etc of the running host afterwards is lost.
        case demand
    }

    /// What `finalize` came to.
    public enum Finalization: Sendable {
        /// Nothing is staged.
        case nothing
        /// It stays staged: the host is not shutting down.
        case waiting(StagedDeployment)
        /// The deployment boots next.
        case switched(DeploymentRecord)
    }

    /// Switches to what is staged: merges /etc into it, as that is now, and gives it its boot entry. Run again, it does
    /// what is missing.
    ///
    /// On the running host it is done at shutdown only, as whatever is changed in /etc after the merge is lost. One that
    /// was cut off before the switch is not resumed there: it stays staged, and the next shutdown merges afresh.
    ///
    /// Everything that can fail has been tried when it was staged; a failure all the same is remembered where `status`
    /// and the next command show it, and leaves it staged.
    /// - Parameters:
    ///   - occasion: why; a shutdown has to be one.
    ///   - isStopping: tells whether the running host is shutting down.
    ///   - wait: seconds to wait for locks.
    ///   - notices: what the operator is told meanwhile.
    /// - Throws: `DeploymentError`, `LockedError`, `EtcMergeError`, `BootLoaderError`, `SysrootError`, `SystemError`;
    ///   what `isStopping` throws.
    public static func finalize(
        root: FilePath, _ occasion: Occasion = .shutdown, isStopping: () throws -> Bool = { true }, wait: Double = 0,
        host: RunningHost = RunningHost(), notices: Notices = Notices()
    ) throws -> Finalization {
        let paths = SysrootPaths(root: root)
        do {
            guard paths.hasBootPartition else { return .nothing }
            guard let staged = try StagedDeployment.load(paths) else {
                // Where nothing runs it is asked for to complete what was cut off; a boot has better things to do than
                // other changes, but not to work for weeks on a /var that waits for its name.
                let isReset = occasion == .resumption && ResetRecord.isPending(in: paths)
                if isReset || PendingChange.exists(in: paths) && !host.runs(paths) {
                    _ = try SysrootChange(
                        root: root, command: finalizeCommand, wait: wait, host: host, notices: notices)
                }
                return .nothing
            }
            if occasion == .resumption, try PendingChange.load(paths)?.action != .finalize { return .nothing }
            if occasion == .shutdown, host.runs(paths), try !isStopping() { return .waiting(staged) }
            let change = try SysrootChange(
                taking: root, command: finalizeCommand, wait: wait, host: host, notices: notices)
            try change.requireAgreement()
            try change.completeInterrupted()
            guard try StagedDeployment.load(paths) == staged else {
                // It was cut off after the switch.
                let record = change.reader.report().deployments.first { $0.name == staged.name && $0.isListed }
                return record.map { .switched($0) } ?? .nothing
            }
            return occasion == .resumption ? .waiting(staged) : .switched(try change.finalizeStaged(staged))
        } catch {
            try remember(error, command: finalizeCommand, paths: paths, host: host)
            throw error
        }
    }

    /// Clears what a finalization has left that was cut off before its switch: it stays staged.
    func clearHalfFinalized(_ staged: StagedDeployment) throws {
        try removeEtcAside(of: staged.name)
        try PendingChange.clear(paths)
        try StatusFile(paths).write(reader.report())
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
        try completeReset(switchedTo: staged.name)
        // What it replaces is removed by the next turn: a shutdown has no time for that.
        let record = try finish(.finalize, staged.name)
        if dropped.isEmpty { try PendingChange.clear(paths) }
        return record
    }

    private func switchTo(_ staged: StagedDeployment, by boot: BootSwitch) throws {
        // It gives what runs its entry back: nothing is merged into that, and its /var is not replaced.
        try secureFallback(by: boot)
        let isRunning = reader.readDeployments().booted?.name == staged.name
        if try isRunning || boot.isDefault(staged.name) { return }
        guard Files.isFolder(paths.folder(of: staged.name)) else {
            throw DeploymentError.notDeployable(detail: "the folder of \(staged.name) is gone")
        }
        FaultPoint.reached("finalize.before-etc")
        let source = try mergeSource(of: staged)
        if let source {
            let policy = staged.policy.flatMap { EtcPolicy(rawValue: $0) } ?? .keep
            let kept = staged.resetting?.map { EtcPath($0) }
            try mergeEtc(from: source, into: staged.name, policy: policy, resetting: kept)
        }
        FaultPoint.reached("finalize.after-etc")
        if staged.resetting != nil {
            try prepareStagedReset(staged)
        } else if let source {
            try inheritState(from: source, to: staged.name)
        }
        // A merge that was cut off has left it changeable.
        try Files.makeImmutable(paths.folder(of: staged.name))
        let checksum = bootChecksum(of: staged.name)
        if !boot.isPrepared(staged.name, checksum) { try boot.prepare(staged.name) }
        FaultPoint.reached("finalize.before-switch")
        try boot.activate(
            staged.name, checksum, title: staged.title, arguments: staged.arguments, tries: boot.configuration.tries)
        FaultPoint.reached("finalize.after-switch")
    }

    /// Whose /etc is merged: that of what runs now, which need not be what ran when it was staged.
    private func mergeSource(of staged: StagedDeployment) throws -> DeploymentName? {
        guard let planned = staged.merging else { return nil }
        let report = reader.readDeployments()
        guard report.isRunning else { return planned }
        guard let booted = report.booted else {
            throw DeploymentError.noMergeSource(
                name: planned.description, detail: "it cannot be told which deployment runs")
        }
        return booted.stateroot == staged.name.stateroot ? booted.name : planned
    }

    private func bootChecksum(of name: DeploymentName) -> String? {
        reader.readDeployments().deployments.first { $0.name == name }?.bootChecksum
    }

    /// Removes a merged `etc` that did not come to its place, or what `etc` was before the merge. The exchange was flushed
    /// before the entry, its removal was not: a power cut may leave the one and lose the other.
    func removeEtcAside(of name: DeploymentName) throws {
        let folder = paths.folder(of: name)
        let aside = folder.appending(EtcMerge.temporaryName)
        guard Files.exists(aside) else { return }
        try Files.whileChangeable(folder) { try Files.removeTree(aside) }
    }
}
