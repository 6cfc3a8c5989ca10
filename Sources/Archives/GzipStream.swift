import CZlib

/// gzip's members one after another, with their checksums compared.
///
/// Source: RFC 1952. Zeros may follow the last member, as on a tape; anything else is damage.
final class GzipStream: Decoder {
    private let source: any ByteSource
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    /// Whether the present member has not ended.
    private var isInside = true
    private var isAtEnd = false

    init(_ source: any ByteSource) {
        self.source = source
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(byteCount: 256 << 10, alignment: 4096)
        precondition(hostctl_gunzip_init(stream) == Z_OK, "zlib cannot start: out of memory")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            if stream.pointee.avail_in == 0 { try fill() }
            if isAtEnd { return 0 }
            if !isInside { try beginMember() }
            if !isInside { continue }
            let count = try inflate(into: buffer)
            if count > 0 { return count }
        }
    }

    private func fill() throws {
        let count = try source.read(into: input)
        if count == 0 {
            if isInside {
                throw ArchiveError.truncated(archive: source.name, detail: "the compressed data ends too early")
            }
            isAtEnd = true
        }
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(count)
    }

    /// Looks at the first byte behind a member.
    private func beginMember() throws {
        guard let next = stream.pointee.next_in else { return }
        if next.pointee == 0 {
            stream.pointee.next_in = next + 1
            stream.pointee.avail_in -= 1
            return
        }
        guard next.pointee == 0x1F else { throw malformed("something follows the compressed data") }
        inflateReset(stream)
        isInside = true
    }

    private func inflate(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let size = min(buffer.count, 1 << 30)
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(size)
        switch CZlib.inflate(stream, Z_NO_FLUSH) {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isInside = false
        default: throw malformed(stream.pointee.msg.map { String(cString: $0) } ?? "it cannot be decompressed")
        }
        return size - Int(stream.pointee.avail_out)
    }

    private func malformed(_ detail: String) -> ArchiveError { .malformed(archive: source.name, detail: detail) }
}
