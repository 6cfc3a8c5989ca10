import TrustMetadata

/// How much there is to fetch; tells a host the space and the download it needs before it begins.
public struct FetchSize: Equatable, Sendable {
    public var objects: Int64
    /// Uncompressed, as they will lie in the store.
    public var bytes: Int64
    /// Compressed, as they will come over the network.
    public var compressedBytes: Int64

    public init(objects: Int64, bytes: Int64, compressedBytes: Int64) {
        self.objects = objects
        self.bytes = bytes
        self.compressedBytes = compressedBytes
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        objects = try fields.integer("objects")
        bytes = try fields.integer("bytes")
        compressedBytes = try fields.integer("compressedBytes")
    }

    var members: [(String, JSONValue)] {
        [("objects", .integer(objects)), ("bytes", .integer(bytes)), ("compressedBytes", .integer(compressedBytes))]
    }
}
