public import Checksums
public import TrustMetadata

/// A channel's releases for one architecture: the signed document whose replacement publishes a release.
public struct ChannelIndex: Equatable, Sendable {
    /// One published release, and the one manifest that describes it.
    public struct Entry: Equatable, Sendable {
        public var version: VersionName
        public var commit: Checksum
        /// When the image was made, in seconds since 1970.
        public var timestamp: UInt64
        /// The SHA-256 of the whole signed manifest.
        public var manifestChecksum: Checksum
        /// The exact size of the whole signed manifest, in bytes.
        public var manifestSize: Int64

        public init(
            version: VersionName, commit: Checksum, timestamp: UInt64, manifestChecksum: Checksum, manifestSize: Int64
        ) {
            self.version = version
            self.commit = commit
            self.timestamp = timestamp
            self.manifestChecksum = manifestChecksum
            self.manifestSize = manifestSize
        }

        /// An entry for a manifest and its signed form.
        public init(_ manifest: ReleaseManifest, signed: [UInt8]) {
            self.init(
                version: manifest.version, commit: manifest.commit, timestamp: manifest.timestamp,
                manifestChecksum: SHA256.hash(signed), manifestSize: Int64(signed.count))
        }
    }

    /// The envelope's payload type.
    public static let payloadType = "application/vnd.hostctl.channel+json"
    /// The most bytes the signed document may have; thousands of releases.
    public static let sizeLimit = 8 << 20
    static let what = "the channel index"

    public var channel: ChannelName
    public var architecture: Architecture
    /// Rises with each publication; a host that has seen a higher one is being shown the past.
    public var sequence: Int64
    /// Oldest first.
    public var releases: [Entry]

    /// The ref of the channel's commits.
    public var ref: String { OriginLayout.ref(channel: channel, architecture: architecture) }

    public init(channel: ChannelName, architecture: Architecture, sequence: Int64 = 0, releases: [Entry] = []) {
        self.channel = channel
        self.architecture = architecture
        self.sequence = sequence
        self.releases = releases
    }

    /// The newest release.
    public var latest: Entry? { releases.last }

    /// Whether a release stands before another one: older, even where both were made at the same time.
    public func names(_ manifest: ReleaseManifest, before commit: Checksum) -> Bool {
        guard let offered = releases.firstIndex(where: { $0.version == manifest.version }),
            let other = releases.lastIndex(where: { $0.commit == commit })
        else { return false }
        return offered < other
    }

    /// The release of a version.
    ///
    /// - Throws: `ReleaseError.unknownRelease`.
    public func entry(_ version: VersionName) throws(ReleaseError) -> Entry {
        guard let entry = releases.first(where: { $0.version == version }) else {
            throw .unknownRelease(channel: channel.text, version: version.text)
        }
        return entry
    }

    /// Requires the index to be the one that was asked for.
    ///
    /// - Throws: `ReleaseError.mismatch`.
    public func require(channel: ChannelName, architecture: Architecture) throws(ReleaseError) {
        guard self.channel == channel, self.architecture == architecture else {
            let wanted = OriginLayout.ref(channel: channel, architecture: architecture)
            throw .mismatch(detail: "the index is of \(ref), not of \(wanted)")
        }
    }

    /// The payload to sign; the same index always gives the same bytes.
    public func encode() -> [UInt8] {
        let value: JSONValue = [
            "format": 1, "channel": .string(channel.text), "architecture": .string(architecture.text),
            "sequence": .integer(sequence), "releases": .array(releases.map(\.value)),
        ]
        return value.encode(pretty: true)
    }

    /// Reads a payload whose signature was checked; unknown members are ignored.
    ///
    /// - Throws: `TrustMetadataError.malformed`, also for two releases of one version; `.unknownFormat`.
    public init(decoding payload: [UInt8]) throws(TrustMetadataError) {
        let fields = try JSONFields(strict: payload, what: Self.what)
        try fields.requireFormat(1)
        channel = try fields.channel()
        architecture = try fields.architecture()
        sequence = try fields.integer("sequence")
        releases = []
        var versions: Set<VersionName> = []
        for entry in try fields.objects("releases") {
            let release = try Entry(entry)
            guard versions.insert(release.version).inserted else {
                throw fields.malformed("the version \(release.version) stands there twice")
            }
            releases.append(release)
        }
    }
}

extension ChannelIndex.Entry {
    fileprivate init(_ fields: JSONFields) throws(TrustMetadataError) {
        version = try fields.version()
        commit = try fields.checksum("commit")
        timestamp = UInt64(try fields.integer("timestamp"))
        manifestChecksum = try fields.checksum("manifestSHA256")
        manifestSize = try fields.integer("manifestSize", in: 1...Int64(ReleaseManifest.sizeLimit))
    }

    fileprivate var value: JSONValue {
        [
            "version": .string(version.text), "commit": .string(commit.hex),
            "timestamp": .integer(Int64(clamping: timestamp)), "manifestSHA256": .string(manifestChecksum.hex),
            "manifestSize": .integer(manifestSize),
        ]
    }
}
