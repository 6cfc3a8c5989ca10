import TrustMetadata

/// How much there is to fetch; tells a host the space and the download it needs before it begins.
public struct FetchSize: Equatable, Sendable {
    public var objects: Int64
    /// Uncompressed, as they will lie in the store.
    public var bytes: Int64
    /// Compressed, as they will come over the network.
    public var compressedBytes: Int64
    /// As they will come by patches, the index included; `nil` when patches do not start there.
    public var patchBytes: Int64?
    /// As they will come by the patches of releases in between, at most; in no manifest, but the sum of what several say.
    public var routeBytes: Int64?
    /// The full pack with its index; in no size of a manifest, but beside them.
    public var fullPackBytes: Int64?

    /// How a release comes to a host.
    public enum Way: String, Sendable {
        /// By its own patches.
        case patches
        /// By those of releases in between, and then its own.
        case route
        case fullPack = "full_pack"
        /// Object by object.
        case objects
    }

    public init(objects: Int64, bytes: Int64, compressedBytes: Int64, patchBytes: Int64? = nil) {
        self.objects = objects
        self.bytes = bytes
        self.compressedBytes = compressedBytes
        self.patchBytes = patchBytes
    }

    /// A petabyte: sums of such numbers, and of what is reckoned from them, stay numbers.
    static let possible: ClosedRange<Int64> = 0...(1 << 50)

    /// What comes over the network at most, by the way that is chosen.
    public var downloadBytes: Int64 { choice.bytes }

    /// The way that is cheapest; what it cannot bring comes by another one.
    public var way: Way { choice.way }

    private var choice: (bytes: Int64, way: Way) {
        let others = [(patchBytes, Way.patches), (routeBytes, .route), (fullPackBytes, .fullPack)]
        return others.reduce((compressedBytes, .objects)) { best, other in
            if let bytes = other.0, bytes < best.bytes { (bytes, other.1) } else { best }
        }
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        objects = try fields.integer("objects", in: 0...(1 << 31))
        bytes = try fields.integer("bytes", in: Self.possible)
        compressedBytes = try fields.integer("compressedBytes", in: Self.possible)
        patchBytes = fields.has("patchBytes") ? try fields.integer("patchBytes", in: Self.possible) : nil
    }

    var members: [(String, JSONValue)] {
        [("objects", .integer(objects)), ("bytes", .integer(bytes)), ("compressedBytes", .integer(compressedBytes))]
            + (patchBytes.map { [("patchBytes", .integer($0))] } ?? [])
    }
}
