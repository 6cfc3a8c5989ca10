import Glibc
import LinuxSystem
import ObjectStorage
import SystemPackage

/// Pieces of a file's content, never more than is asked for.
struct BoundedContent {
    private let bytes: [UInt8]?
    private let file: OpenFile?
    private let size: UInt64

    private final class OpenFile {
        let descriptor: Descriptor
        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    /// - Throws: `SystemError`.
    init(_ content: TreeFile.Content) throws(SystemError) {
        switch content {
        case .bytes(let content): (bytes, file, size) = (content, nil, UInt64(content.count))
        case .onDisk(let path, let length):
            bytes = nil
            file = OpenFile(try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW))
            size = UInt64(length)
        case .stored(let stored):
            bytes = nil
            file = OpenFile(try Descriptor(opening: stored.path.string, flags: O_RDONLY | O_NOFOLLOW))
            size = UInt64(stored.size)
        }
    }

    /// - Parameter orLess: whether the end of the file may come first.
    /// - Throws: `ELFError` when the bytes are not all inside the file; `SystemError`.
    func bytes(at offset: UInt64, count: Int, orLess: Bool = false) throws -> [UInt8] {
        let available = offset <= size ? size - offset : 0
        guard orLess || UInt64(count) <= available else { throw ELFError(detail: "it is cut off") }
        let wanted = Int(min(UInt64(count), available))
        if wanted == 0 { return [] }
        guard let file else { return Array((bytes ?? [])[Int(offset)..<Int(offset) + wanted]) }
        var buffer = [UInt8](repeating: 0, count: wanted)
        let path = file.descriptor.path
        let read = try retrying("read", path) { pread(file.descriptor.raw, &buffer, wanted, off_t(offset)) }
        guard read == wanted else { throw ELFError(detail: "it became shorter") }
        return buffer
    }

    /// The text up to a zero byte.
    ///
    /// - Throws: `ELFError` when there is none within `limit` bytes, or for what is not UTF-8; `SystemError`.
    func string(at offset: UInt64, limit: UInt64) throws -> String {
        guard offset < size else { throw ELFError(detail: "a name is outside of it") }
        let bytes = try bytes(at: offset, count: Int(min(limit, 1 << 16)), orLess: true)
        guard let end = bytes.firstIndex(of: 0), let text = String(validating: bytes[..<end], as: UTF8.self) else {
            throw ELFError(detail: "a name in it has no end or is not UTF-8")
        }
        return text
    }
}
