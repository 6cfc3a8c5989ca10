import CArchive

/// How an archive is compressed, told by its first bytes, whatever its name says.
public enum Compression: String, Sendable, CaseIterable {
    case none, gzip, zstd, xz

    /// Bytes that are enough to tell.
    static let signatureLength = 6

    init(signature: [UInt8]) {
        switch signature {
        case _ where signature.starts(with: [0x1F, 0x8B]): self = .gzip
        case _ where signature.starts(with: [0x28, 0xB5, 0x2F, 0xFD]): self = .zstd
        // A zstd frame that decoders skip: 184D2A50 to 184D2A5F, little-endian.
        case _ where signature.count >= 4 && signature[0] & 0xF0 == 0x50 && signature[1...3] == [0x2A, 0x4D, 0x18]:
            self = .zstd
        case _ where signature.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]): self = .xz
        default: self = .none
        }
    }

    /// libarchive's number for the filter.
    var filter: Int32 {
        switch self {
        case .none: ARCHIVE_FILTER_NONE
        case .gzip: ARCHIVE_FILTER_GZIP
        case .zstd: ARCHIVE_FILTER_ZSTD
        case .xz: ARCHIVE_FILTER_XZ
        }
    }
}
