public import Checksums
public import LinuxSystem
import Transfers

/// Releases whose patches lead, one after the other, from what a host has to a release.
public struct ReleaseRoute: Sendable {
    /// The releases on the way, the newest first: the patches of the release that is wanted start from the first, and those
    /// of the last from what is here.
    public let manifests: [ReleaseManifest]
    /// What comes by all of these patches and as folders, at most, by what was signed.
    public let bytes: Int64
    /// How many releases may lie on the way.
    public static let limit = 2
}

extension ReleaseClient {
    /// Looks for the cheapest way to a release through those that its patches start from.
    ///
    /// - Parameters:
    ///   - index: of the channel, verified; no release that it does not list is on a way.
    ///   - isHere: whether a host has a commit.
    /// - Returns: `nil` when patches start from what is here anyway, or none lead here; and why a release could not be
    ///   looked at. A server that does not answer ends the search: with the patience that there is for one request, asking
    ///   for each release would take minutes, and all that is needed can be had without.
    public func route(
        to target: ReleaseManifest, of index: ChannelIndex, isHere: @escaping (Checksum) -> Bool
    ) -> (route: ReleaseRoute?, failure: (any ExplainedError)?) {
        guard target.patches != nil, target.patchStep(isHere) == nil,
            let position = index.releases.firstIndex(where: { $0.version == target.version })
        else { return (nil, nil) }
        var search = RouteSearch(self, index, isHere)
        var paths = [RouteSearch.Path(manifests: [target], bytes: target.folderBytes, position: position)]
        for _ in 0..<ReleaseRoute.limit {
            paths = paths.flatMap { search.steps(from: $0) }
            if search.isOver { return (nil, search.failure) }
            if let best = search.best(of: paths) { return (best, search.failure) }
        }
        return (nil, search.failure)
    }
}

/// One search for a way.
private struct RouteSearch {
    struct Path {
        /// The release that is wanted, and those on the way.
        let manifests: [ReleaseManifest]
        let bytes: Int64
        /// Of the last one in the channel index.
        let position: Int
    }

    private let client: ReleaseClient
    private let index: ChannelIndex
    private let isHere: (Checksum) -> Bool
    private var known: [Checksum: ReleaseManifest] = [:]
    private var failed = Set<Checksum>()
    private(set) var failure: (any ExplainedError)?
    /// Whether the server has failed, so that there is no use in asking for more.
    private(set) var isOver = false

    init(_ client: ReleaseClient, _ index: ChannelIndex, _ isHere: @escaping (Checksum) -> Bool) {
        self.client = client
        self.index = index
        self.isHere = isHere
    }

    /// The paths that are a release longer.
    mutating func steps(from path: Path) -> [Path] {
        guard let last = path.manifests.last else { return [] }
        var found: [Path] = []
        for (position, entry) in index.releases[..<path.position].enumerated().reversed() where !isOver {
            guard let bytes = last.since[entry.commit]?.patchBytes, let manifest = manifest(entry) else { continue }
            if manifest.patches == nil { continue }
            found.append(
                Path(manifests: path.manifests + [manifest], bytes: path.bytes + bytes, position: position))
        }
        return found
    }

    /// The cheapest of those whose last release's patches start from what is here.
    func best(of paths: [Path]) -> ReleaseRoute? {
        let complete = paths.compactMap { path -> ReleaseRoute? in
            guard let step = path.manifests.last?.patchStep(isHere) else { return nil }
            return ReleaseRoute(manifests: Array(path.manifests.dropFirst()), bytes: path.bytes + step)
        }
        return complete.min { $0.bytes < $1.bytes }
    }

    /// A release that cannot be had, or is not to be trusted, is on no way.
    private mutating func manifest(_ entry: ChannelIndex.Entry) -> ReleaseManifest? {
        if let manifest = known[entry.manifestChecksum] { return manifest }
        if failed.contains(entry.manifestChecksum) { return nil }
        do {
            let manifest = try client.manifest(entry, of: index).manifest
            known[entry.manifestChecksum] = manifest
            return manifest
        } catch {
            // A release that was removed is one that is missing; anything else would be so for all of them.
            if let error = error as? TransferError, !error.isMissing { isOver = true }
            failed.insert(entry.manifestChecksum)
            failure = failure ?? error as? any ExplainedError
            return nil
        }
    }
}

extension ReleaseManifest {
    /// What comes by its patches from the nearest of the commits that are here.
    fileprivate func patchStep(_ isHere: (Checksum) -> Bool) -> Int64? {
        since.filter { $0.value.patchBytes != nil && isHere($0.key) }.compactMap(\.value.patchBytes).min()
    }

    /// About what its folders take at most: for each object a name and a checksum or two.
    fileprivate var folderBytes: Int64 { (full.objects + 64) * 64 }
}
