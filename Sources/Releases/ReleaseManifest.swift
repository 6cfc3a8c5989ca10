public import Checksums
public import ObjectStorage
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
    /// What a host that has nothing must fetch.
    public var full: FetchSize
    /// What a host at one of the previous releases must fetch, by the commit it has.
    public var since: [Checksum: FetchSize]
    /// The release's patch pool, when it has one.
    public var patches: PatchFiles?
    /// The release's full pack, when it has one.
    public var fullPack: PatchFiles?
    /// What the release's kernel takes on a boot partition, when it can be told.
    public var kernel: BootableKernel?

    /// The ref that the commit is bound to.
    public var ref: String { OriginLayout.ref(channel: channel, architecture: architecture) }

    public init(
        version: VersionName, channel: ChannelName, architecture: Architecture, commit: Checksum, timestamp: UInt64,
        epoch: Int64 = 0, minimumHostctl: String, full: FetchSize, since: [Checksum: FetchSize] = [:],
        patches: PatchFiles? = nil, fullPack: PatchFiles? = nil, kernel: BootableKernel? = nil
    ) {
        self.version = version
        self.channel = channel
        self.architecture = architecture
        self.commit = commit
        self.timestamp = timestamp
        self.epoch = epoch
        self.minimumHostctl = minimumHostctl
        self.full = full
        self.since = since
        self.patches = patches
        self.fullPack = fullPack
        self.kernel = kernel
    }

    /// The payload to sign; the same release always gives the same bytes.
    public func encode() -> [UInt8] {
        var members: [(String, JSONValue)] = [
            ("format", 1), ("version", .string(version.text)), ("channel", .string(channel.text)),
            ("architecture", .string(architecture.text)), ("commit", .string(commit.hex)), ("ref", .string(ref)),
            ("timestamp", .integer(Int64(clamping: timestamp))), ("epoch", .integer(epoch)),
            ("minimumHostctl", .string(minimumHostctl)), ("full", .object(full.members)),
            (
                "since",
                .array(
                    since.sorted { $0.key < $1.key }.map {
                        .object([("commit", .string($0.key.hex))] + $0.value.members)
                    })
            ),
        ]
        if let patches { members.append(("patches", patches.members)) }
        if let fullPack { members.append(("fullPack", fullPack.members)) }
        if let kernel { members.append(("kernel", kernel.members)) }
        return JSONValue.object(members).encode(pretty: true)
    }

    /// Reads a payload whose signature was checked; unknown members are ignored.
    ///
    /// - Throws: `TrustMetadataError.malformed`, `.unknownFormat`.
    public init(decoding payload: [UInt8]) throws(TrustMetadataError) {
        let fields = try JSONFields(strict: payload, what: Self.what)
        try fields.requireFormat(1)
        version = try fields.version()
        channel = try fields.channel()
        architecture = try fields.architecture()
        commit = try fields.checksum("commit")
        timestamp = UInt64(try fields.integer("timestamp"))
        epoch = try fields.integer("epoch")
        minimumHostctl = try fields.string("minimumHostctl")
        full = try FetchSize(fields.fields("full"))
        since = [:]
        for entry in try fields.objects("since") { since[try entry.checksum("commit")] = try FetchSize(entry) }
        patches = fields.has("patches") ? try PatchFiles(fields.fields("patches")) : nil
        fullPack = fields.has("fullPack") ? try PatchFiles(fields.fields("fullPack")) : nil
        kernel = fields.has("kernel") ? try BootableKernel(fields.fields("kernel")) : nil
        guard try fields.string("ref") == ref else { throw fields.malformed("'ref' is not that of the channel") }
        guard SoftwareVersion(minimumHostctl) != nil else { throw fields.malformed("'minimumHostctl' is no version") }
    }

    /// What a host must fetch that has the commit `base`, or at most, when that is not known.
    public func fetchSize(from base: Checksum?) -> FetchSize {
        var size = base.flatMap { since[$0] } ?? full
        size.fullPackBytes = fullPack.map { $0.indexSize + $0.poolSize }
        return size
    }

    /// What the manifest says of a pool.
    public func files(_ kind: PoolKind) -> PatchFiles? { kind == .patches ? patches : fullPack }

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
