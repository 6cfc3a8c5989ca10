import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage

/// The bytes that an object's checksum is made of, readable at any place: for a file ostree's header and then the content,
/// for anything else the object itself.
final class ObjectStream {
    /// What precedes the content of the file.
    let prefix: [UInt8]
    /// The bytes of the stream.
    let size: Int64
    private let file: Descriptor?
    private let raw: Int32

    /// Opens an object of a bare store.
    ///
    /// - Parameter path: where its file lies.
    /// - Throws: `StoreError.missing`; `StoreError.corrupted` when it is neither a file nor a link; `SystemError`.
    init(_ name: ObjectName, path: String) throws {
        guard let found = try Store.fileHeader(atPath: path) else { throw StoreError.missing(name) }
        guard let header = found.header else { throw StoreError.corrupted(name, actual: nil) }
        prefix = name.kind == .file ? header.checksumPrefix : []
        size = Int64(prefix.count) + found.size
        if header.content == .regular {
            let opened = try Descriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW)
            raw = opened.raw
            file = consume opened
        } else {
            raw = -1
            file = nil
        }
    }

    /// As `read`, into as many bytes as there are.
    func fill(_ bytes: inout [UInt8], from offset: Int64) throws(SystemError) -> Bool {
        var result: Result<Bool, SystemError> = .success(false)
        bytes.withUnsafeMutableBytes { buffer in
            result = Result { () throws(SystemError) in try read(offset, into: buffer) }
        }
        return try result.get()
    }

    /// Fills `buffer` with what begins at `offset`.
    ///
    /// - Returns: `false` when the stream ends before the buffer is full.
    /// - Throws: `SystemError`.
    func read(_ offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Bool {
        guard offset >= 0, offset + Int64(buffer.count) <= size else { return false }
        var rest = buffer
        var position = offset
        if position < Int64(prefix.count) {
            let count = min(rest.count, prefix.count - Int(position))
            for index in 0..<count { rest[index] = prefix[Int(position) + index] }
            position += Int64(count)
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
        }
        if rest.isEmpty { return true }
        return try readFully(raw, position - Int64(prefix.count), into: rest)
    }
}

/// Reads exactly a buffer's worth from a place in an open file.
///
/// - Returns: `false` when the file ends before.
func readFully(
    _ file: Int32, _ offset: Int64, into buffer: UnsafeMutableRawBufferPointer
) throws(SystemError) -> Bool {
    var done = 0
    while done < buffer.count {
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
        let place = off_t(offset) + off_t(done)
        let count = try retrying("read", "an object") { pread(file, rest.baseAddress, rest.count, place) }
        if count == 0 { return false }
        done += count
    }
    return true
}
