/// Where things are in an origin. All paths are relative to its folder or URL.
///
/// ```
/// store/                                            an archive repository, for any ostree client
/// releases/<channel>/<architecture>/index.json      the signed list of releases; replacing it is the switch
/// releases/<channel>/<architecture>/<version>.json  a signed release manifest
/// patches/<channel>/<architecture>/<version>.index  the index of its patch pool
/// patches/<channel>/<architecture>/<version>.pool   the pool
/// patches/<channel>/<architecture>/<version>.packindex  the index of its full pack
/// patches/<channel>/<architecture>/<version>.pack   the full pack
/// ```
public struct OriginLayout: Hashable, Sendable {
    /// The archive repository.
    public static let store = "store"
    /// The folder above all channels.
    public static let releases = "releases"
    /// The folder above all channels' patches.
    public static let patches = "patches"
    private static let indexName = "index.json"

    /// The origin's folder or URL, without a slash at the end.
    public let root: String

    /// - Parameter root: a folder's path or a URL.
    public init(root: String) {
        var text = Substring(root)
        while text.count > 1, text.hasSuffix("/") { text = text.dropLast() }
        self.root = String(text)
    }

    /// The place of a relative path in this origin.
    public func place(of path: String) -> String { root.hasSuffix("/") ? root + path : "\(root)/\(path)" }

    /// The folder of a channel's releases.
    public static func folder(channel: ChannelName, architecture: Architecture) -> String {
        "\(releases)/\(channel)/\(architecture)"
    }

    /// The signed list of a channel's releases.
    public static func index(channel: ChannelName, architecture: Architecture) -> String {
        "\(folder(channel: channel, architecture: architecture))/\(indexName)"
    }

    /// A signed release manifest.
    public static func manifest(channel: ChannelName, architecture: Architecture, version: VersionName) -> String {
        "\(folder(channel: channel, architecture: architecture))/\(version).json"
    }

    /// The folder of a channel's patches.
    public static func patchFolder(channel: ChannelName, architecture: Architecture) -> String {
        "\(patches)/\(channel)/\(architecture)"
    }

    /// The ref that a channel's commits have in the archive repository, and are bound to.
    public static func ref(channel: ChannelName, architecture: Architecture) -> String { "\(channel)/\(architecture)" }

    /// The channel and architecture that an index belongs to, or `nil` for any other path.
    public static func channel(ofIndex path: String) -> (channel: ChannelName, architecture: Architecture)? {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 4, parts.removeFirst() == releases, parts.removeLast() == indexName else { return nil }
        do throws(ReleaseError) {
            let architecture = try Architecture(parts.removeLast())
            return (try ChannelName(parts.joined(separator: "/")), architecture)
        } catch {
            return nil
        }
    }
}
