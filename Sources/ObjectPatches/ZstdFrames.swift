import CZstd
import LinuxSystem

/// Makes zstd frames (RFC 8878). One for each worker: it keeps its context.
final class ZstdEncoder {
    private let context: OpaquePointer

    /// - Parameters:
    ///   - level: 1 to 22.
    ///   - windowLog: the binary logarithm of the window.
    init(level: Int32, windowLog: Int32 = PatchLimits.windowLog) {
        guard let context = ZSTD_createCCtx() else { fatalError("out of memory") }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, windowLog)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0)
        // What makes a frame must be the same on every publisher's machine, however many processors it has.
        ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, 0)
    }

    deinit { ZSTD_freeCCtx(context) }

    /// One frame that tells its content's size.
    func frame(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let bound = ZSTD_compressBound(bytes.count)
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let size = ZSTD_compress2(context, buffer.baseAddress, bound, bytes.baseAddress, bytes.count)
            precondition(ZSTD_isError(size) == 0, "zstd cannot compress into a buffer that is large enough")
            count = size
        }
    }

    func frame(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { frame($0) } }
}

/// Decodes frames whose size and checksum were verified. One for each worker.
final class ZstdDecoder {
    private let context: OpaquePointer

    init() {
        guard let context = ZSTD_createDCtx() else { fatalError("out of memory") }
        self.context = context
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, PatchLimits.windowLog)
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Fills `output` with the content of one frame, exactly.
    ///
    /// - Throws: `PatchError.malformed` when it is no frame, more than one, or of another size.
    func decode(
        _ frame: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, what: String
    ) throws(PatchError) {
        guard ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count) == frame.count,
            ZSTD_getFrameContentSize(frame.baseAddress, frame.count) == UInt64(output.count)
        else { throw .malformed(what: what, detail: "it is not one zstd frame of \(output.count) bytes") }
        let size = ZSTD_decompressDCtx(context, output.baseAddress, output.count, frame.baseAddress, frame.count)
        guard ZSTD_isError(size) == 0, size == output.count else {
            throw .malformed(what: what, detail: "zstd cannot decode it")
        }
    }
}

extension PatchIndex {
    /// The index as it lies in an origin.
    public func frame() -> [UInt8] { ZstdEncoder(level: 19).frame(encode()) }

    /// Reads an index that this publisher has written.
    ///
    /// - Throws: `PatchError.malformed`, `.unknownFormat`.
    public init(ownFrame frame: [UInt8]) throws(PatchError) {
        let size = frame.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        try self.init(frame: frame, decodedSize: Int(clamping: size))
    }

    /// Reads an index as it lies in an origin, after its size and checksum were compared with signed metadata.
    ///
    /// - Parameter decodedSize: the exact size of the decoded index, from signed metadata.
    /// - Throws: `PatchError.malformed`, `.unknownFormat`.
    public init(frame: [UInt8], decodedSize: Int) throws(PatchError) {
        let what = "the patch index"
        guard decodedSize >= 0, decodedSize <= PatchLimits.indexBytes else {
            throw .malformed(what: what, detail: "it claims \(decodedSize) bytes")
        }
        var decoded = [UInt8](repeating: 0, count: decodedSize)
        let failure = decoded.withUnsafeMutableBytes { output in
            frame.withUnsafeBytes { input -> PatchError? in
                do throws(PatchError) { try ZstdDecoder().decode(input, into: output, what: what) } catch {
                    return error
                }
                return nil
            }
        }
        if let failure { throw failure }
        try self.init(decoding: decoded)
    }
}
