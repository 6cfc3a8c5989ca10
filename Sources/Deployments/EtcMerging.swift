import EtcMerges
import LinuxSystem
import Sysroots
import SystemPackage

extension SysrootChange {
    /// Merges the local changes of one deployment's /etc into another one, which nothing boots yet. What it comes to is
    /// told before anything is written.
    ///
    /// - Throws: `EtcMergeError.conflicts` when the policy is `fail`; `SystemError`.
    func mergeEtc(from source: DeploymentName, into target: DeploymentName, _ request: DeployRequest) throws {
        let (running, new) = (paths.folder(of: source), paths.folder(of: target))
        let (old, live) = (running.appending("usr/etc"), running.appending("etc"))
        // Images without /etc have nothing to merge.
        guard Files.isFolder(old), Files.isFolder(new.appending("usr/etc")) else { return }
        if let kept = request.resetting {
            _ = try EtcMerge.reset(live: live, into: new, keeping: kept)
            return
        }
        let plan = try EtcMerge.plan(old: old, live: live, new: new.appending("usr/etc"), policy: request.etcPolicy)
        request.announce(plan)
        if request.etcPolicy == .fail, !plan.conflicts.isEmpty { throw EtcMergeError.conflicts(plan.conflicts) }
        try EtcMerge.apply(old: old, live: live, into: new, policy: request.etcPolicy)
    }
}
