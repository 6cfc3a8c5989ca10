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
    /// What came free on the disk.
    public let bytes: Int64
}

extension Publisher {
    /// Removes all but the newest `keep` releases of each channel, and what no release needs any more.
    ///
    /// The index comes first: no client is told of a release whose objects are going away.
    /// - Parameter keep: at least 1: a channel never loses its latest release.
    /// - Throws: `SignatureError`, `LockedError`, `StoreError.undecidable`, `OSTreeError`, `SystemError`.
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
        try Repository(opening: origin.store.path).regenerateSummary()
        FaultPoint.reached("prune.before-objects")
        var space = FreedSpace()
        var collection = StoreCollection(origin.store)
        // Leases keep these already, unless they were lost, as in a copy of the origin without refs.
        collection.keeping = try origin.indexes(keys: keys).flatMap { $0.releases.map(\.commit) }
        let result = try collection.run(&space)
        _ = consume lock
        return PrunedReleases(releases: removed, objects: result.removed, bytes: space.bytes)
    }

    private func removeUnlistedPatches(_ index: ChannelIndex, _ listed: Set<String>) throws {
        let folder = origin.path.appending(
            OriginLayout.patchFolder(channel: index.channel, architecture: index.architecture))
        for name in try Files.namesIfPresent(in: folder) {
            let ending = PatchPlaces.endings.first(where: name.hasSuffix)
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
            try origin.removeTornPatches(channel: index.channel, architecture: index.architecture)
            let leases = "hostctl/releases/\(index.ref)"
            for ref in try origin.store.refs(below: leases).keys {
                if !listed.contains(String(ref.dropFirst(leases.count + 1))) { try origin.store.setRef(ref, to: nil) }
            }
        }
    }
}
