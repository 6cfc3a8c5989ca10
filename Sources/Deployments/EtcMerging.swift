import EtcMerges
import LinuxSystem
import Sysroots
import SystemPackage

extension SysrootChange {
    /// Merges the local changes of one deployment's /etc into another one, which nothing boots yet. What it comes to is
    /// told before anything is written.
    ///
    /// - Throws: `EtcMergeError.conflicts` when the policy is `fail`; `DeploymentError.noMergeSource`; `SystemError`.
    func mergeEtc(from source: DeploymentName, into target: DeploymentName, _ request: DeployRequest) throws {
        try planEtc(from: source, into: target, request)
        try mergeEtc(from: source, into: target, policy: request.etcPolicy, resetting: request.resetting)
    }

    /// Tells what a merge will come to.
    ///
    /// - Throws: `EtcMergeError.conflicts` when the policy is `fail`; `DeploymentError.noMergeSource`; `SystemError`.
    func planEtc(from source: DeploymentName, into target: DeploymentName, _ request: DeployRequest) throws {
        guard request.resetting == nil, let trees = try EtcTrees(paths, from: source, into: target) else { return }
        let plan = try EtcMerge.plan(old: trees.old, live: trees.live, new: trees.new, policy: request.etcPolicy)
        request.announce(plan)
        if request.etcPolicy == .fail, !plan.conflicts.isEmpty { throw EtcMergeError.conflicts(plan.conflicts) }
    }

    /// Merges without a word. Again gives the same.
    ///
    /// - Parameter kept: what of the live /etc a factory reset keeps; `nil` for a merge.
    /// - Throws: `EtcMergeError`, `DeploymentError.noMergeSource`, `SystemError`.
    func mergeEtc(
        from source: DeploymentName, into target: DeploymentName, policy: EtcPolicy, resetting kept: [EtcPath]?
    ) throws {
        guard let trees = try EtcTrees(paths, from: source, into: target) else { return }
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

    /// `nil` where neither image has an /etc: there is nothing to merge.
    ///
    /// - Throws: `DeploymentError.noMergeSource` where one of the trees is lost: without it, local changes would be.
    init?(_ paths: SysrootPaths, from source: DeploymentName, into target: DeploymentName) throws {
        let folder = paths.folder(of: source)
        old = folder.appending("usr/etc")
        live = folder.appending("etc")
        new = paths.folder(of: target).appending("usr/etc")
        func lost(_ detail: String) -> DeploymentError {
            .noMergeSource(name: source.description, detail: detail)
        }
        guard Files.isFolder(folder) else { throw lost("the deployment's folder is gone") }
        if !Files.isFolder(old), !Files.isFolder(live) { return nil }
        guard Files.isFolder(old) else { throw lost("its /usr/etc, by which local changes are told, is gone") }
        guard Files.isFolder(live) else { throw lost("it has no /etc") }
        guard Files.isFolder(new) else { throw lost("\(target), which is to get it, has no /usr/etc") }
    }
}
