import CLinux
import Glibc
import LinuxSystem
public import SystemPackage

/// The three-way merge of /etc: what an operator has changed, over what the new image brings.
///
/// Three trees take part: *old*, the `usr/etc` of the deployment that runs; *live*, its `etc`; *new*, the `usr/etc` of
/// the new deployment. What only one side has changed is taken from that side, aspect by aspect: a local mode goes
/// with the image's new content. What both have changed to different things is a conflict, settled by the policy.
/// passwd, group, shadow and gshadow are merged by entry; see `AccountMerge`.
public enum EtcMerge {
    /// The name of a merged tree that is being made, and, once it is in its place, of the tree it has replaced.
    public static let temporaryName = "etc.hostctl-new"

    /// What a merge would come to. Nothing is written, and no conflict is thrown, whatever the policy.
    ///
    /// - Parameters:
    ///   - old: `usr/etc` of the deployment that runs.
    ///   - live: `etc` of the deployment that runs.
    ///   - new: `usr/etc` of the new deployment.
    ///   - policy: who wins conflicts; `fail` reports them as `keep` does.
    /// - Throws: `SystemError`, `EtcMergeError`.
    public static func plan(
        old: FilePath, live: FilePath, new: FilePath, policy: EtcPolicy = .keep
    ) throws -> EtcPlan {
        let merger = try EtcMerger(old: old, live: live, new: new, policy: policy)
        try merger.run(into: nil)
        merger.plan.changes = try EtcDifference(from: old, to: live).changes
        return merger.plan
    }

    /// Merges into a deployment that is not running: its `etc`, whatever it was, is the merged tree afterwards.
    ///
    /// The tree is made aside as `etc.hostctl-new` in the deployment's folder and flushed with its file system (one
    /// `syncfs`: an fsync for each of a thousand files takes longer). Then it takes the place of `etc` in one rename
    /// that exchanges the two, the folder is flushed, and what was `etc` is removed. Interrupted anywhere, `etc` is what it
    /// was or the merged tree, complete, and the same call does the rest. The result depends on the three
    /// trees only, not on what `etc` was.
    /// - Parameters:
    ///   - old: `usr/etc` of the deployment that runs.
    ///   - live: `etc` of the deployment that runs.
    ///   - deployment: the new deployment's folder, with its `usr/etc`. It must not be booted: changes that were made
    ///     in it since would be lost.
    ///   - policy: who wins conflicts.
    /// - Returns: what it came to; `changes` is left out.
    /// - Throws: `EtcMergeError.conflicts` when the policy is `fail`, `SystemError`. `etc` is then as it was.
    @discardableResult
    public static func apply(
        old: FilePath, live: FilePath, into deployment: FilePath, policy: EtcPolicy = .keep
    ) throws -> EtcPlan {
        let merger = try EtcMerger(old: old, live: live, new: deployment.appending("usr/etc"), policy: policy)
        try EtcReplacement.run(in: deployment) { folder in
            try merger.run(into: folder)
            if policy == .fail, !merger.plan.conflicts.isEmpty {
                throw EtcMergeError.conflicts(merger.plan.conflicts)
            }
        }
        return merger.plan
    }
}
