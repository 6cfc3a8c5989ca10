import LinuxSystem
import OSTree
public import Sysroots

extension SysrootChange {
    /// Makes the rollback deployment the default, and the default the rollback: one switch, no network.
    ///
    /// Both are of the stateroot that the next boot would start. Asked again after an interruption that came
    /// after the switch, it does not swap back.
    /// - Returns: the deployment that boots next.
    /// - Throws: `DeploymentError.noRollback`, `OSTreeError`, `SystemError`.
    public func rollback() throws -> DeploymentRecord {
        if let completed, completed.action == .rollback,
            let record = reader.report().deployments.first(where: { $0.name == completed.target })
        {
            self.completed = nil
            return record
        }
        if let boot { return try rollback(by: boot) }
        let listed = listed()
        guard let current = listed.first,
            let target = listed.dropFirst().first(where: { $0.record.stateroot == current.record.stateroot })
        else { throw DeploymentError.noRollback }
        let others = listed.dropFirst().filter { $0.record.name != target.record.name }
        let pending = PendingChange(.rollback, target.record.name)
        try pending.save(paths)
        FaultPoint.reached("rollback.before-switch")
        try sysroot.write([target.deployment, current.deployment] + others.map(\.deployment))
        FaultPoint.reached("rollback.after-switch")
        try removeDropped(pending)
        let record = try finish(.rollback, target.record.name)
        try PendingChange.clear(paths)
        return record
    }

    /// Keeps a deployment until it is unpinned, or no longer.
    ///
    /// - Parameter index: its place in the boot order.
    /// - Returns: the deployment.
    /// - Throws: `DeploymentError.unknownDeployment`, `OSTreeError`, `SystemError`.
    public func setPinned(_ index: Int, _ pinned: Bool) throws -> DeploymentRecord {
        if boot != nil { return try setPinnedInOrigin(index, pinned) }
        let listed = listed()
        guard listed.indices.contains(index) else { throw DeploymentError.unknownDeployment(String(index)) }
        let (deployment, record) = listed[index]
        try sysroot.setPinned(deployment, pinned)
        try sysroot.load()  // the loaded deployments still have the old origin
        return try finish(pinned ? .pin : .unpin, record.name)
    }
}
