public import Checksums
import TrustMetadata

/// What a manifest says of a release's patch pool.
public struct PatchFiles: Equatable, Sendable {
    /// Of the index as it lies in the origin.
    public var indexSize: Int64
    public var indexChecksum: Checksum
    /// Of the index once it is decompressed.
    public var indexDecodedSize: Int64
    public var poolSize: Int64
    public var poolChecksum: Checksum

    public init(
        indexSize: Int64, indexChecksum: Checksum, indexDecodedSize: Int64, poolSize: Int64, poolChecksum: Checksum
    ) {
        self.indexSize = indexSize
        self.indexChecksum = indexChecksum
        self.indexDecodedSize = indexDecodedSize
        self.poolSize = poolSize
        self.poolChecksum = poolChecksum
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        indexSize = try fields.integer("indexSize", in: FetchSize.possible)
        indexChecksum = try fields.checksum("indexSHA256")
        indexDecodedSize = try fields.integer("indexDecodedSize", in: FetchSize.possible)
        poolSize = try fields.integer("poolSize", in: FetchSize.possible)
        poolChecksum = try fields.checksum("poolSHA256")
    }

    var members: JSONValue {
        [
            "indexSize": .integer(indexSize), "indexSHA256": .string(indexChecksum.hex),
            "indexDecodedSize": .integer(indexDecodedSize), "poolSize": .integer(poolSize),
            "poolSHA256": .string(poolChecksum.hex),
        ]
    }
}
