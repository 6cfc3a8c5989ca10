import Checksums
import ObjectFormats

/// What a commit says it is.
struct ReleaseIdentity: Equatable {
    let version: VersionName
    let channel: ChannelName
    let architecture: Architecture
    /// When the image was made, in seconds since 1970.
    let timestamp: UInt64

    var ref: String { OriginLayout.ref(channel: channel, architecture: architecture) }

    /// The ref that keeps this release's objects in the origin.
    var lease: String { Self.lease(channel: channel, architecture: architecture, version: version) }

    static func lease(channel: ChannelName, architecture: Architecture, version: VersionName) -> String {
        "hostctl/releases/\(channel)/\(architecture)/\(version)"
    }

    /// - Throws: `ReleaseError.mismatch` when the commit is no host image, or is not bound to its own ref.
    init(_ commit: Commit) throws(ReleaseError) {
        guard let version = commit.version, let channel = commit.channel, let architecture = commit.architecture else {
            throw .mismatch(detail: "the commit names no version, channel and architecture")
        }
        self.version = try VersionName(version)
        self.channel = try ChannelName(channel)
        self.architecture = try Architecture(architecture)
        timestamp = commit.timestamp
        guard commit.refBindings.contains(ref) else {
            throw .mismatch(detail: "the commit is not bound to the ref \(ref)")
        }
    }
}
