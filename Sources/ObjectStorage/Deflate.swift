import CZlib
public import LinuxSystem

/// What zlib refused.
public struct DeflateError: ExplainedError, Equatable {
    let detail: String
    public var reason: String { "compressed data is malformed: \(detail)" }
}

/// A zlib stream at an address that does not change, as zlib requires.
private struct Stream: ~Copyable {
    let pointer: UnsafeMutablePointer<z_stream>
    let end: @Sendable (UnsafeMutablePointer<z_stream>) -> Int32

    init(
        _ start: (UnsafeMutablePointer<z_stream>) -> Int32,
        end: @escaping @Sendable (UnsafeMutablePointer<z_stream>) -> Int32
    ) {
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: z_stream())
        self.end = end
        precondition(start(pointer) == Z_OK, "zlib cannot start: out of memory")
    }

    deinit {
        _ = end(pointer)
        pointer.deallocate()
    }
}

/// Inflates a raw deflate stream (RFC 1951), which is how ostree's archive objects hold their content.
public final class Inflater {
    private let stream: Stream
    private let output: UnsafeMutableRawBufferPointer
    /// Whether the end of the stream has been seen.
    public private(set) var isFinished = false

    public init() {
        stream = Stream(hostctl_inflate_init, end: inflateEnd)
        output = .allocate(byteCount: 256 << 10, alignment: 16)
    }

    deinit { output.deallocate() }

    /// Makes ready for another stream.
    public func reset() {
        inflateReset(stream.pointer)
        isFinished = false
    }

    /// Inflates `input`, handing over what comes out piece by piece.
    ///
    /// - Throws: `DeflateError` for malformed data and for bytes after the end; what `body` throws.
    public func inflate(_ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard try isFinished && input.isEmpty || inflatePrefix(input, body) == input.count else {
            throw DeflateError(detail: "bytes follow its end")
        }
    }

    /// Inflates what of `input` belongs to the stream.
    ///
    /// - Returns: how many bytes of it do.
    /// - Throws: `DeflateError` for malformed data; what `body` throws.
    public func inflatePrefix(
        _ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        let z = stream.pointer
        z.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        z.pointee.avail_in = UInt32(input.count)
        while !isFinished {
            z.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
            z.pointee.avail_out = UInt32(output.count)
            let code = CZlib.inflate(z, Z_NO_FLUSH)
            guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
                throw DeflateError(detail: z.pointee.msg.map { String(cString: $0) } ?? "zlib error \(code)")
            }
            isFinished = code == Z_STREAM_END
            let count = output.count - Int(z.pointee.avail_out)
            if count > 0 { try body(UnsafeRawBufferPointer(rebasing: output[..<count])) }
            if z.pointee.avail_in == 0, z.pointee.avail_out > 0 { break }
        }
        return input.count - Int(z.pointee.avail_in)
    }
}

/// Makes a raw deflate stream.
final class Deflater {
    private let stream: Stream
    private let output: UnsafeMutableRawBufferPointer

    /// - Parameter level: 1 to 9; ostree's own default is 6.
    init(level: Int32) {
        stream = Stream({ hostctl_deflate_init($0, level) }, end: deflateEnd)
        output = .allocate(byteCount: 256 << 10, alignment: 16)
    }

    deinit { output.deallocate() }

    /// Makes ready for another stream.
    func reset() { deflateReset(stream.pointer) }

    /// Compresses `input`, handing over what comes out; `last` ends the stream.
    func deflate(
        _ input: UnsafeRawBufferPointer, last: Bool, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let z = stream.pointer
        z.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        z.pointee.avail_in = UInt32(input.count)
        repeat {
            z.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
            z.pointee.avail_out = UInt32(output.count)
            let code = CZlib.deflate(z, last ? Z_FINISH : Z_NO_FLUSH)
            guard code != Z_STREAM_ERROR else { throw DeflateError(detail: "zlib refuses to compress") }
            let count = output.count - Int(z.pointee.avail_out)
            if count > 0 { try body(UnsafeRawBufferPointer(rebasing: output[..<count])) }
        } while z.pointee.avail_out == 0
    }
}
