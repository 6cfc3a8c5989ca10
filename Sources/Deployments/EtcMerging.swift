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
        try planEtc(from: source, into: target, request)
        try mergeEtc(from: source, into: target, policy: request.etcPolicy, resetting: request.resetting)
    }

    /// Tells what a merge will come to.
    ///
    /// - Throws: `EtcMergeError.conflicts` when the policy is `fail`; `SystemError`.
    func planEtc(from source: DeploymentName, into target: DeploymentName, _ request: DeployRequest) throws {
        guard request.resetting == nil, let trees = EtcTrees(paths, from: source, into: target) else { return }
        let plan = try EtcMerge.plan(old: trees.old, live: trees.live, new: trees.new, policy: request.etcPolicy)
        request.announce(plan)
        if request.etcPolicy == .fail, !plan.conflicts.isEmpty { throw EtcMergeError.conflicts(plan.conflicts) }
    }

    /// Merges without a word. Again gives the same.
    ///
    /// - Parameter kept: what of the live /etc a factory reset keeps; `nil` for a merge.
    func mergeEtc(
        from source: DeploymentName, into target: DeploymentName, policy: EtcPolicy, resetting kept: [EtcPath]?
    ) throws {
        guard let trees = EtcTrees(paths, from: source, into: target) else { return }
        if let kept {
            _ = try EtcMerge.reset(live: trees.live, into: paths.folder(of: target), keeping: kept)
            return
        }
        try EtcMerge.apply(old: trees.old, live: trees.live, into: paths.folder(of: target), policy: policy)
    }
}

/// The three trees of a merge.
private struct EtcTrees {
    let old: FilePath
    let live: FilePath
    let new: FilePath

    /// `nil` where an image has no /etc: there is nothing to merge.
    init?(_ paths: SysrootPaths, from source: DeploymentName, into target: DeploymentName) {
        old = paths.folder(of: source).appending("usr/etc")
        live = paths.folder(of: source).appending("etc")
        new = paths.folder(of: target).appending("usr/etc")
        guard Files.isFolder(old), Files.isFolder(new) else { return nil }
    }
}
