public import Checksums
public import TrustMetadata

/// What a release is: the signed document that leads a host to a commit.
public struct ReleaseManifest: Equatable, Sendable {
    /// The envelope's payload type.
    public static let payloadType = "application/vnd.hostctl.release+json"
    /// The most bytes the signed document may have.
    public static let sizeLimit = 1 << 20
    static let what = "the release manifest"

    /// Unique in its channel.
    public var version: VersionName
    public var channel: ChannelName
    public var architecture: Architecture
    /// The commit in the origin's archive repository.
    public var commit: Checksum
    /// When the image was made, in seconds since 1970; orders releases.
    public var timestamp: UInt64
    /// The security epoch; 0 until something had to be locked out.
    public var epoch: Int64
    /// The oldest hostctl that can install it.
    public var minimumHostctl: String
    /// What the files take up when installed, in bytes.
    public var installedSize: Int64
    /// How many objects the commit needs.
    public var objectCount: Int64

    /// The ref that the commit is bound to.
    public var ref: String { OriginLayout.ref(channel: channel, architecture: architecture) }

    public init(
        version: VersionName, channel: ChannelName, architecture: Architecture, commit: Checksum, timestamp: UInt64,
        epoch: Int64 = 0, minimumHostctl: String, installedSize: Int64, objectCount: Int64
    ) {
        self.version = version
        self.channel = channel
        self.architecture = architecture
        self.commit = commit
        self.timestamp = timestamp
        self.epoch = epoch
        self.minimumHostctl = minimumHostctl
        self.installedSize = installedSize
        self.objectCount = objectCount
    }

    /// The payload to sign; the same release always gives the same bytes.
    public func encode() -> [UInt8] {
        let value: JSONValue = [
            "format": 1, "version": .string(version.text), "channel": .string(channel.text),
            "architecture": .string(architecture.text), "commit": .string(commit.hex), "ref": .string(ref),
            "timestamp": .integer(Int64(clamping: timestamp)), "epoch": .integer(epoch),
            "minimumHostctl": .string(minimumHostctl),
            "sizes": ["installedBytes": .integer(installedSize), "objects": .integer(objectCount)],
        ]
        return value.encode(pretty: true)
    }

    /// Reads a payload whose signature was checked; unknown members are ignored.
    ///
    /// - Throws: `TrustMetadataError.malformed`, `.unknownFormat`.
    public init(decoding payload: [UInt8]) throws(TrustMetadataError) {
        let fields = try JSONFields(strict: payload, what: Self.what)
        try fields.requireFormat(1)
        let sizes = try fields.fields("sizes")
        version = try fields.version()
        channel = try fields.channel()
        architecture = try fields.architecture()
        commit = try fields.checksum("commit")
        timestamp = UInt64(try fields.integer("timestamp"))
        epoch = try fields.integer("epoch")
        minimumHostctl = try fields.string("minimumHostctl")
        installedSize = try sizes.integer("installedBytes")
        objectCount = try sizes.integer("objects")
        guard try fields.string("ref") == ref else { throw fields.malformed("'ref' is not that of the channel") }
        guard SoftwareVersion(minimumHostctl) != nil else { throw fields.malformed("'minimumHostctl' is no version") }
    }

    /// Requires a hostctl that can install the release.
    ///
    /// - Parameter current: the running hostctl's version, as `0.1.0`.
    /// - Throws: `ReleaseError.tooOld`.
    public func requireSupport(by current: String) throws(ReleaseError) {
        guard let minimum = SoftwareVersion(minimumHostctl), let current = SoftwareVersion(current), minimum <= current
        else { throw .tooOld(minimum: minimumHostctl) }
    }

    /// Requires that the manifest is the one an index entry stands for.
    ///
    /// - Throws: `ReleaseError.mismatch`.
    public func requireMatch(_ entry: ChannelIndex.Entry, of index: ChannelIndex) throws(ReleaseError) {
        guard channel == index.channel, architecture == index.architecture else {
            throw .mismatch(detail: "the manifest is of \(ref), the index of \(index.ref)")
        }
        guard version == entry.version, commit == entry.commit, timestamp == entry.timestamp else {
            throw .mismatch(detail: "the manifest of \(version) is not the one of \(entry.version) in the index")
        }
    }
}
