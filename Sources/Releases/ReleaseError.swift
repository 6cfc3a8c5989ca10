public import LinuxSystem
import TrustMetadata

/// An origin or a release that is not as it must be.
public enum ReleaseError: ExplainedError, Equatable {
    /// The folder holds no origin.
    case notAnOrigin(path: String)
    /// There is a release of this version already, with another commit.
    case versionTaken(version: String, channel: String)
    /// The index that lies in the origin's folder is signed by nobody that this publisher knows.
    case foreignIndex(channel: String, detail: String)
    /// Hosts would refuse it as a downgrade.
    case olderThanLatest(version: String, latest: String)
    /// A release's epoch cannot be changed after the fact.
    case epochTaken(version: String, epoch: Int64)
    /// A full pack cannot be added after the fact: a manifest does not change.
    case noFullPack(version: String)
    /// The channel or the version is not published here.
    case unknownRelease(channel: String, version: String?)
    /// What is to be published is no image of a channel.
    case notAnImage(image: String, detail: String)
    /// A commit that says it is something else than the release it stands in.
    case mismatch(detail: String)
    /// Older than what is deployed, and no downgrade was asked for.
    case downgrade(offered: String, deployed: String)
    /// Older than a release of the channel that has passed its health checks here, and no downgrade was asked for.
    case olderThanProven(offered: String, proven: String)
    /// The origin shows an older index than it has shown before.
    case replayed(offered: Int64, seen: Int64)
    /// A name that must not become a path: "channel", "version" or "architecture", and the name.
    case invalidName(kind: String, name: String)
    /// Needs a newer hostctl.
    case tooOld(minimum: String)

    public var reason: String {
        switch self {
        case .notAnOrigin(let path): "\(path) is not an origin"
        case .versionTaken(let version, let channel):
            "\(channel) has a release \(version) already, with another commit"
        case .foreignIndex(let channel, let detail):
            "the origin's own index of \(channel) is not to be trusted: \(detail)"
        case .olderThanLatest(let version, let latest):
            "\(version) was made before \(latest), the channel's newest release"
        case .epochTaken(let version, let epoch): "\(version) is published already, with the epoch \(epoch)"
        case .noFullPack(let version): "\(version) is published already, without a full pack"
        case .unknownRelease(let channel, let version):
            "there is no release \(version.map { "\($0) " } ?? "")on the channel \(channel)"
        case .notAnImage(let image, let detail): "'\(image)' is no host image that can be published: \(detail)"
        case .mismatch(let detail): "the release is not what it claims to be: \(detail)"
        case .downgrade(let offered, let deployed): "\(offered) is older than the deployed \(deployed)"
        case .olderThanProven(let offered, let proven):
            "\(offered) is older than \(proven), which has proved itself on this host"
        case .replayed(let offered, let seen):
            "the channel index number \(offered) is older than number \(seen), which this host has seen already"
        case .invalidName(let kind, let name): "'\(name.printable)' is no valid \(kind)"
        case .tooOld(let minimum): "the release needs hostctl \(minimum) or newer"
        }
    }

    public var advice: String? {
        switch self {
        case .notAnOrigin: "make one with 'hostctl release init'"
        case .versionTaken, .epochTaken, .noFullPack: "publish under a new version"
        case .foreignIndex: "if the keys have changed, name the old one with --trusted-key FILE"
        case .olderThanLatest: "build the image anew; hosts would refuse this one as a downgrade"
        case .unknownRelease: "'hostctl release list' shows what is published"
        case .notAnImage: "make images with 'hostctl image build'"
        case .mismatch: "the origin or a mirror is damaged or hostile; nothing was changed"
        case .downgrade, .olderThanProven: "give --allow-downgrade if that is what you want"
        case .replayed: "a mirror is stale or hostile; if the origin was made anew, give --allow-downgrade"
        case .invalidName: "names are made of letters, digits, '.', '_' and '-'"
        case .tooOld: "upgrade to a release in between first"
        }
    }
}

extension ReleaseError {
    public var category: FailureCategory {
        switch self {
        case .mismatch, .downgrade, .olderThanProven, .replayed, .foreignIndex: .untrusted
        case .notAnOrigin, .notAnImage, .versionTaken, .olderThanLatest, .epochTaken, .noFullPack, .unknownRelease,
            .invalidName, .tooOld:
            .failed
        }
    }
}
