import BootLoaders
import LinuxSystem
import Sysroots
import SystemPackage

extension SysrootChange {
    /// Gives the rollback deployment a newer entry than the default's, then removes its older one. What is staged is
    /// discarded instead: then the default is what the operator goes back to.
    func rollback(by boot: BootSwitch) throws -> DeploymentRecord {
        let former = reader.readDeployments().defaultDeployment
        try secureFallback(by: boot)
        let report = reader.readDeployments()
        if let staged = try StagedDeployment.load(paths) { return try discard(staged.name, report) }
        if let former, !former.hasFolder, let present = report.defaultDeployment, present.name != former.name {
            // The default led nowhere, and what the host comes back to is in its place already.
            return try finish(.rollback, present.name)
        }
        guard let target = report.rollback, let old = try boot.entries(of: target.name).first else {
            throw Self.noRollback(report)
        }
        let pending = PendingChange(.rollback, target.name)
        try pending.save(paths)
        if !boot.isPrepared(target.name, target.bootChecksum) { try boot.prepare(target.name) }
        FaultPoint.reached("rollback.before-switch")
        try boot.activate(
            target.name, target.bootChecksum, title: old.title, arguments: old.arguments,
            counter: old.counter)
        FaultPoint.reached("rollback.after-switch")
        try removeDropped(pending)
        let record = try finish(.rollback, target.name)
        try PendingChange.clear(paths)
        return record
    }

    private static func noRollback(_ report: SysrootReport) -> DeploymentError {
        let others = report.listed.dropFirst().filter { $0.stateroot == report.defaultDeployment?.stateroot }
        if others.isEmpty { return .noRollback }
        return .noSaneRollback(
            others.map { "\($0.version ?? $0.name.description): \(report.reasonAgainst($0) ?? "it has no boot entry")" }
        )
    }

    private func discard(_ name: DeploymentName, _ report: SysrootReport) throws -> DeploymentRecord {
        let present = report.defaultDeployment ?? report.booted
        discarded = self.report().staged
        let pending = PendingChange(.cleanup, present?.name ?? name, dropping: [name])
        try pending.save(paths)
        FaultPoint.reached("discard.before-record")
        try StagedDeployment.clear(paths)
        FaultPoint.reached("discard.after-record")
        try removeDropped(pending)
        try completeReset()
        guard let present else { throw DeploymentError.noRollback }
        let record = try finish(.rollback, present.name)
        try PendingChange.clear(paths)
        return record
    }

    /// Pins in the origin file. To stock tools every deployment with an entry is pinned: their `deploy` would remove it
    /// otherwise; a mark of ours tells this from a pin of the operator's.
    func setPinnedInOrigin(_ index: Int, _ pinned: Bool) throws -> DeploymentRecord {
        let listed = reader.readDeployments().listed
        guard listed.indices.contains(index) else { throw DeploymentError.unknownDeployment(String(index)) }
        try OriginText.setGuarded(!pinned, of: listed[index].name, in: paths)
        return try finish(pinned ? .pin : .unpin, listed[index].name)
    }
}
