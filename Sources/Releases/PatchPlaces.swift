import SystemPackage

/// The two kinds of pools that a release may have.
public enum PoolKind: Sendable, CaseIterable {
    /// What brings hosts from earlier releases here.
    case patches
    /// All of the release; needs nothing.
    case fullPack

    /// What an error calls its index.
    var indexName: String { self == .patches ? "patch index" : "index of the full pack" }
}

/// Where a pool and its index are, relative to the origin.
struct PatchPlaces {
    let index: String
    let pool: String

    init(_ kind: PoolKind, channel: ChannelName, architecture: Architecture, version: VersionName) {
        let stem = "\(OriginLayout.patchFolder(channel: channel, architecture: architecture))/\(version)"
        switch kind {
        case .patches: (index, pool) = (stem + Self.endings[0], stem + Self.endings[1])
        case .fullPack: (index, pool) = (stem + Self.endings[2], stem + Self.endings[3])
        }
    }

    init(_ kind: PoolKind, of manifest: ReleaseManifest) {
        self.init(
            kind, channel: manifest.channel, architecture: manifest.architecture, version: manifest.version)
    }

    /// Of all such files: no version's file can be taken for another one's.
    static let endings = [".index", ".pool", ".packindex", ".pack"]
}
