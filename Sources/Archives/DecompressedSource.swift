import CArchive

/// The decompressed bytes of a source that may be compressed with gzip, zstd or xz.
///
/// Exactly one layer of compression is taken off, by zlib for gzip and libarchive's filters for the others, inside this
/// process; no program is started. Damage that the format's own checksums show is an error.
/// Memory is bounded by the decoder's window. How many bytes come out is for the reader to bound.
public final class DecompressedSource: ByteSource {
    /// What was found.
    public let compression: Compression
    private let source: any ByteSource
    private let stream: (any Decoder)?

    /// Looks at the first bytes.
    ///
    /// - Throws: what the source throws; `ArchiveError` when the compressed data does not begin as it must.
    public init(_ source: any ByteSource) throws {
        let peeked = try PrefixedSource(source, peeking: Compression.signatureLength)
        compression = Compression(signature: peeked.peeked)
        self.source = peeked
        stream =
            switch compression {
            case .none: nil
            case .gzip: GzipStream(peeked)
            case .zstd, .xz: try FilterStream(peeked, compression)
            }
    }

    public var name: String { source.name }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard let stream else { return try source.read(into: buffer) }
        return try stream.read(into: buffer)
    }
}

/// Decompressed bytes; 0 only at the end.
protocol Decoder: AnyObject {
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A libarchive reader of one filter over raw bytes.
private final class FilterStream: Decoder {
    private let archive: OpaquePointer
    private let feed: Feed
    private var isAtEnd = false

    init(_ source: any ByteSource, _ compression: Compression) throws {
        guard let archive = archive_read_new() else { fatalError("out of memory") }
        self.archive = archive
        feed = Feed(source)
        // A filter that the library lacks would be a warning, and an external program in its place.
        guard archive_read_append_filter(archive, compression.filter) == ARCHIVE_OK else {
            throw ArchiveError.unsupported(
                archive: source.name, detail: "this libarchive does not decompress \(compression.rawValue)")
        }
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
        try check(archive_read_open(archive, Unmanaged.passUnretained(feed).toOpaque(), nil, Feed.read, nil))
        var entry: OpaquePointer?
        let result = archive_read_next_header(archive, &entry)
        if result == ARCHIVE_EOF { isAtEnd = true } else { try check(result) }
    }

    deinit { archive_read_free(archive) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if isAtEnd { return 0 }
        let count = archive_read_data(archive, buffer.baseAddress, buffer.count)
        guard count >= 0 else { throw error }
        if count == 0 { isAtEnd = true }
        return count
    }

    private func check(_ result: Int32) throws {
        // A warning is about data, too: what comes out would not be what was put in.
        if result != ARCHIVE_OK { throw error }
    }

    /// The source's own error when there was one.
    private var error: any Error {
        if let failure = feed.failure { return failure }
        let detail = archive_error_string(archive).map { String(cString: $0) } ?? "it cannot be decompressed"
        if detail.lowercased().contains("truncated") || feed.isAtEnd {
            return ArchiveError.truncated(archive: feed.source.name, detail: "the compressed data ends too early")
        }
        return ArchiveError.malformed(archive: feed.source.name, detail: detail)
    }
}

/// Hands a source's bytes to libarchive.
private final class Feed {
    let source: any ByteSource
    var failure: (any Error)?
    /// Whether everything has been handed over.
    var isAtEnd = false
    private let buffer: UnsafeMutableRawBufferPointer

    init(_ source: any ByteSource) {
        self.source = source
        buffer = .allocate(byteCount: 256 << 10, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    static let read:
        @convention(c) (
            OpaquePointer?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeRawPointer?>?
        ) -> Int = { archive, context, result in
            guard let context, let result else { return Int(ARCHIVE_FATAL) }
            return Unmanaged<Feed>.fromOpaque(context).takeUnretainedValue().read(result)
        }

    private func read(_ result: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        do {
            let count = try source.read(into: buffer)
            result.pointee = UnsafeRawPointer(buffer.baseAddress)
            if count == 0 { isAtEnd = true }
            return count
        } catch {
            failure = error
            return Int(ARCHIVE_FATAL)
        }
    }
}
