import Checksums
import ObjectStorage
import TrustMetadata

// A release's kernel in its manifest, so that a host knows before the download whether there is room.

extension BootableKernel {
    init(_ fields: JSONFields) throws(TrustMetadataError) {
        self.init(
            bootChecksum: try fields.checksum("bootChecksum").hex,
            size: try fields.integer("size", in: FetchSize.possible),
            initramfsSize: try fields.integer("initramfsSize", in: FetchSize.possible))
    }

    var members: JSONValue {
        .object([
            ("bootChecksum", .string(bootChecksum)), ("size", .integer(size)),
            ("initramfsSize", .integer(initramfsSize)),
        ])
    }
}
