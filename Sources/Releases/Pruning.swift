import Checksums
import LinuxSystem
import OSTree
import ObjectStorage
import SystemPackage

/// What pruning an origin removed.
public struct PrunedReleases: Sendable, Equatable {
    /// The removed versions, as `channel/architecture version`.
    public let releases: [String]
    public let objects: Int
    public let bytes: Int64
}

extension Publisher {
    /// Removes all but the newest `keep` releases of each channel, and what no release needs any more.
    ///
    /// The index comes first: no client is told of a release whose objects are going away.
    /// - Parameter keep: at least 1: a channel never loses its latest release.
    /// - Throws: `SignatureError`, `LockedError`, `OSTreeError`, `SystemError`.
    public func prune(keep: Int, wait: Double = 0) async throws -> PrunedReleases {
        let lock = try origin.lock("hostctl release prune", seconds: wait, waiting: waiting)
        let keep = max(1, keep)
        var removed: [String] = []
        for var index in try origin.indexes(keys: keys) where index.releases.count > keep {
            let old = index.releases.dropLast(keep)
            index.releases.removeFirst(old.count)
            try await write(&index)
            removed += old.map { "\(index.ref) \($0.version)" }
        }
        try removeUnlisted()
        let repository = try Repository(opening: origin.store.path)
        try repository.regenerateSummary()
        FaultPoint.reached("prune.before-objects")
        let commits = try removeUnreferencedCommits()
        FaultPoint.reached("prune.after-commits")
        let result = try repository.prune()
        _ = consume lock
        return PrunedReleases(
            releases: removed, objects: commits + result.removed, bytes: Int64(clamping: result.freedBytes))
    }

    /// Removes the commits that no ref names before anything that they need goes, which libostree does in no order: an
    /// interrupted pruning must leave no commit without its objects.
    ///
    /// - Returns: how many.
    private func removeUnreferencedCommits() throws -> Int {
        let store = origin.store
        // Refs of other kinds are not ours to judge.
        for kind in ["remotes", "mirrors"]
        where try !Files.namesIfPresent(in: store.path.appending("refs").appending(kind)).isEmpty { return 0 }
        let lock = try store.lock(.exclusive)
        defer { withExtendedLifetime(lock) {} }
        let kept = Set(try store.refs().values)
        var count = 0
        let objects = store.path.appending("objects")
        for digits in try Files.names(in: objects) where Files.isFolder(objects.appending(digits)) {
            let folder = objects.appending(digits)
            let unnamed = try Files.names(in: folder).filter { name in
                guard name.hasSuffix(".commit"), let commit = Checksum(hex: digits + name.dropLast(7)) else {
                    return false
                }
                return !kept.contains(commit)
            }
            for name in unnamed {
                try Files.remove(folder.appending(name))
                try Files.remove(folder.appending("\(name)meta"))
            }
            if !unnamed.isEmpty { try Files.syncFolder(folder) }
            count += unnamed.count
        }
        return count
    }

    private func removeUnlistedPatches(_ index: ChannelIndex, _ listed: Set<String>) throws {
        let folder = origin.path.appending(
            OriginLayout.patchFolder(channel: index.channel, architecture: index.architecture))
        for name in try Files.namesIfPresent(in: folder) {
            let ending = [".index", ".pool"].first(where: name.hasSuffix)
            guard let ending, !listed.contains(String(name.dropLast(ending.count))) else { continue }
            try Files.remove(folder.appending(name))
        }
    }

    /// Removes manifests and refs that no index names, also those that an interrupted run left.
    private func removeUnlisted() throws {
        for index in try origin.indexes(keys: keys) {
            let listed = Set(index.releases.map(\.version.text))
            let folder = OriginLayout.folder(channel: index.channel, architecture: index.architecture)
            for name in try Files.names(in: origin.path.appending(folder)) where name.hasSuffix(".json") {
                let version = String(name.dropLast(5))
                if name == "index.json" || listed.contains(version) { continue }
                try Files.remove(origin.path.appending(folder).appending(name))
            }
            try removeUnlistedPatches(index, listed)
            let leases = "hostctl/releases/\(index.ref)"
            for ref in try origin.store.refs(below: leases).keys {
                if !listed.contains(String(ref.dropFirst(leases.count + 1))) { try origin.store.setRef(ref, to: nil) }
            }
        }
    }
}
