import Glibc
import LinuxSystem
import SystemPackage

/// A piece that waits in a `PieceSpool` for its place in a part.
struct SpooledPiece {
    fileprivate let offset: Int64
    fileprivate let control: Int
    fileprivate let differences: Int
    fileprivate let inserts: Int
    let operations: Int
    /// As `PatchPiece.size`.
    var size: Int { control + differences + inserts }
}

/// Bytes that wait in a `PieceSpool`.
struct SpooledBytes {
    fileprivate let offset: Int64
    let count: Int
}

/// Keeps pieces in a file without a name: all that the patches of a release consist of, before it is compressed, is several
/// times as large as the release's download. Compressed, it would still take hundreds of megabytes of memory.
final class PieceSpool: Sendable {
    private let file: Descriptor
    private let end = Guarded<Int64>(0)

    /// - Throws: `SystemError`.
    init(in folder: FilePath) throws(SystemError) {
        let path = Files.temporaryName(beside: folder.appending("patches"))
        file = try Descriptor(opening: path.string, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        // The spool is as large as the patches: one with a name would be published along with them.
        try retrying("remove", path.string) { unlink(path.string) }
    }

    /// - Throws: `SystemError`.
    func keep(_ piece: PatchPiece) throws -> SpooledPiece {
        let start = claim(piece.size)
        var position = start
        for bytes in [piece.control.bytes, piece.differences, piece.inserts] {
            try write(bytes, at: position)
            position += Int64(bytes.count)
        }
        return SpooledPiece(
            offset: start, control: piece.control.bytes.count, differences: piece.differences.count,
            inserts: piece.inserts.count, operations: piece.operations)
    }

    /// - Throws: `SystemError`.
    func keep(_ bytes: [UInt8]) throws -> SpooledBytes {
        let start = claim(bytes.count)
        try write(bytes, at: start)
        return SpooledBytes(offset: start, count: bytes.count)
    }

    /// - Throws: `SystemError`.
    func load(_ bytes: SpooledBytes) throws -> [UInt8] { try read(bytes.count, at: bytes.offset) }

    private func claim(_ size: Int) -> Int64 {
        end.with { end in
            end += Int64(size)
            return end - Int64(size)
        }
    }

    private func write(_ bytes: [UInt8], at position: Int64) throws {
        var done = 0
        while done < bytes.count {
            done += try bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
                return try retrying("write", "the patches") {
                    pwrite(file.raw, rest.baseAddress, rest.count, off_t(position) + done)
                }
            }
        }
    }

    /// Puts a piece into a part.
    ///
    /// - Throws: `SystemError`.
    func load(_ piece: SpooledPiece, into writer: inout PartWriter) throws {
        let control = try read(piece.control, at: piece.offset)
        let differences = try read(piece.differences, at: piece.offset + Int64(piece.control))
        let inserts = try read(piece.inserts, at: piece.offset + Int64(piece.control + piece.differences))
        writer.add(operations: piece.operations, control: control, differences: differences, inserts: inserts)
    }

    private func read(_ count: Int, at position: Int64) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let read = try bytes.withUnsafeMutableBytes { buffer in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                return try retrying("read", "the patches") {
                    pread(file.raw, rest.baseAddress, rest.count, off_t(position) + done)
                }
            }
            if read == 0 { throw SystemError("read", "the patches", code: .ioError) }
            done += read
        }
        return bytes
    }
}
