import BootLoaders
import LinuxSystem
import Sysroots
import SystemPackage

// Completing and removing on a host that has a boot partition: first the entry, then what it led to.

extension SysrootChange {
    /// Completes or undoes what an interrupted change has left.
    func complete(_ pending: PendingChange, by boot: BootSwitch) throws {
        let staged = try StagedDeployment.load(paths)
        // What runs has been switched to, whatever a check of the boot partition has since made of its entry.
        let isRunning =
            [.deploy, .finalize].contains(pending.action) && reader.readDeployments().booted?.name == pending.target
        if pending.action == .finalize, !isRunning, let staged, staged.name == pending.target,
            try boot.entries(of: pending.target).isEmpty
        {
            // Merging now would lose what is changed in /etc before the next shutdown.
            return try clearHalfFinalized(staged)
        }
        let isDone = try isRunning || isSwitched(pending, staged, by: boot)
        var failure: (any ExplainedError)?
        if isRunning {
            // A boot is judged by its entry. Where it cannot be given back, no other command is to be held up by that.
            do { try secureFallback(by: boot) } catch let error as any ExplainedError { failure = error }
        }
        if isDone { try removeDropped(pending) } else { try undo(pending, by: boot) }
        if isDone, pending.action == .finalize { try removeEtcAside(of: pending.target) }
        if isDone, pending.action != .cleanup {
            completed = pending
            _ = try finish(pending.action.recorded, pending.target, resuming: true)
        }
        do { try boot.partition.removeLeftovers() } catch let error as any ExplainedError { failure = failure ?? error }
        try PendingChange.clear(paths)
        try StatusFile(paths).write(reader.report())
        if let failure {
            notices.warning(failure.reason)
            try recordFailure(failure)
        }
    }

    private func isSwitched(
        _ pending: PendingChange, _ staged: StagedDeployment?, by boot: BootSwitch
    ) throws -> Bool {
        switch pending.action {
        case .stage: staged?.name == pending.target
        case .deploy, .finalize: try !boot.entries(of: pending.target).isEmpty
        case .rollback: try boot.isDefault(pending.target)
        case .cleanup: true
        }
    }

    /// Takes away what a change that did not come to its switch has added.
    private func undo(_ pending: PendingChange, by boot: BootSwitch) throws {
        guard pending.isAdding, !isProtected(pending.target) else { return }
        try boot.removeLink(of: pending.target)
        dropFromMirror([pending.target])
        try remove(pending.target)
        try removeKernels(by: boot)
        try renewLeases(withStaged(reader.readDeployments()))
    }

    /// Removes what a change has dropped: entries, then links and folders, then the kernels that no entry names.
    ///
    /// What runs, what boots next and what was the last good one stay, whatever was meant to go when the change began.
    func removeDropped(_ pending: PendingChange, by boot: BootSwitch) throws {
        FaultPoint.reached("deploy.before-prune")
        if let staged = try StagedDeployment.load(paths),
            pending.action == .finalize && staged.name == pending.target
                || pending.action != .stage && pending.dropping.contains(staged.name)
        {
            try StagedDeployment.clear(paths)
        }
        try boot.removeEntries(of: pending.target, onlySuperseded: true)
        let names = try removable(pending).filter { name in
            do {
                try boot.removeEntries(of: name)
                return true
            } catch BootLoaderError.lastGood, BootLoaderError.lastEntry {
                return false  // All that the host could come back to: the next change has another.
            }
        }
        FaultPoint.reached("prune.after-entries")
        if names.isEmpty { refreshMirror() } else { dropFromMirror(names) }
        for name in names {
            try boot.removeLink(of: name)
            FaultPoint.reached("prune.after-link")
            try remove(name)
            FaultPoint.reached("prune.after-folder")
        }
        if !names.isEmpty { try removeKernels(by: boot) }
        try renewLeases(withStaged(reader.readDeployments()))
        FaultPoint.reached("deploy.after-prune")
    }

    private func removable(_ pending: PendingChange) throws -> [DeploymentName] {
        let report = reader.readDeployments()
        var kept = report.retained(in: pending.target.stateroot, lastGood: LastGood.read(paths))
        if let staged = try StagedDeployment.load(paths) { kept.insert(staged.name) }
        kept.insert(pending.target)
        // An entry that leads to nothing keeps nothing.
        let lost = report.listed.filter { record in !Files.isFolder(paths.folder(of: record.name)) }.map(\.name)
        return pending.dropping.filter { !kept.contains($0) || lost.contains($0) && $0 != pending.target }
    }

    /// The kernels on the partition that neither an entry nor what is staged needs.
    func removeKernels(by boot: BootSwitch) throws {
        let staged = try StagedDeployment.load(paths).map { [$0.name] } ?? []
        try boot.partition.removeKernels(except: boot.neededKernels(by: staged))
    }

    /// The names that leases are for.
    func withStaged(_ report: SysrootReport) -> [DeploymentName] {
        report.listed.map(\.name) + [report.staged?.name].compactMap { $0 }
    }

    /// Takes deployments off the list of stock tools, before their folders go.
    private func dropFromMirror(_ names: [DeploymentName]) {
        do { try writeMirror(without: Set(names)) } catch {}
    }
}

extension PendingChange.Action {
    /// As the history has it.
    var recorded: HistoryEntry.Action {
        switch self {
        case .deploy: .deploy
        case .stage: .stage
        case .finalize: .finalize
        case .rollback, .cleanup: .rollback
        }
    }
}
