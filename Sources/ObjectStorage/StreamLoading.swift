import Checksums
import Glibc
import LinuxSystem
public import ObjectFormats
import SystemPackage

/// Loads whole objects as the bytes that their checksums are made of: for a file ostree's header and the content, for
/// anything else the object. One for each worker.
public final class ObjectStreamLoader {
    private let inflater = Inflater()

    public init() {}

    /// Loads and verifies an object of a bare or an archive store.
    ///
    /// - Parameter limit: the most bytes to load.
    /// - Returns: `nil` when it is larger than `limit`; otherwise the stream, and where in it the content begins.
    /// - Throws: `StoreError.missing`, `.corrupted`; `SystemError`.
    public func load(
        _ name: ObjectName, from store: Store, limit: Int
    ) throws -> (stream: [UInt8], contentStart: Int)? {
        guard name.kind == .file else { return (try store.metadata(name), 0) }
        let isBare = store.mode == .bare
        guard let (header, body) = try isBare ? bare(name, store, limit) : archived(name, store, limit) else {
            return nil
        }
        let prefix = header.checksumPrefix
        let content = prefix + body
        let actual = SHA256.hash(content)
        guard actual == name.checksum else { throw StoreError.corrupted(name, actual: actual) }
        return (content, prefix.count)
    }

    private func bare(_ name: ObjectName, _ store: Store, _ limit: Int) throws -> (FileHeader, [UInt8])? {
        let (header, size) = try store.fileHeader(name.checksum)
        guard size <= Int64(limit) else { return nil }
        if header.content != .regular { return (header, []) }
        let file = try Descriptor(opening: store.path(of: name).string, flags: O_RDONLY | O_NOFOLLOW)
        var content = [UInt8](repeating: 0, count: Int(size))
        var count = 0
        while count < content.count {
            let more = try content.withUnsafeMutableBytes {
                try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[count...]))
            }
            guard more > 0 else { throw StoreError.corrupted(name, actual: nil) }
            count += more
        }
        return (header, content)
    }

    private func archived(_ name: ObjectName, _ store: Store, _ limit: Int) throws -> (FileHeader, [UInt8])? {
        guard try store.size(of: name) <= Int64(limit) else { return nil }
        let bytes = try Files.read(store.path(of: name), limit: limit)
        do {
            let length = 8 + (try FileHeader.archiveHeaderLength(bytes.prefix(8)))
            guard bytes.count >= length else { throw StoreError.corrupted(name, actual: nil) }
            let (header, size) = try FileHeader.decode(archive: Array(bytes[8..<length]))
            guard size <= UInt64(limit) else { return nil }
            return (header, try inflate(bytes[length...], to: Int(size), name))
        } catch is FormatError { throw StoreError.corrupted(name, actual: nil) }
    }

    private func inflate(_ data: ArraySlice<UInt8>, to size: Int, _ name: ObjectName) throws -> [UInt8] {
        var content: [UInt8] = []
        content.reserveCapacity(size + (1 << 10))
        inflater.reset()
        do {
            try data.withUnsafeBytes { data in
                try inflater.inflate(data) { output in
                    guard content.count + output.count <= size else { throw StoreError.corrupted(name, actual: nil) }
                    content.append(contentsOf: output)
                }
            }
        } catch is DeflateError { throw StoreError.corrupted(name, actual: nil) }
        return content
    }
}
