import Checksums
import Glibc
import LinuxSystem
public import ObjectFormats
import SystemPackage

/// Copies files of a bare store into an archive store, compressed. One for each worker.
public final class ArchiveObjectWriter {
    private let transaction: StoreTransaction
    private let deflater: Deflater
    private let buffer: UnsafeMutableRawBufferPointer
    private var hasher = SHA256()

    /// - Parameter level: zlib's, 1 to 9.
    public init(_ transaction: StoreTransaction, level: Int = 6) {
        self.transaction = transaction
        deflater = Deflater(level: Int32(level))
        buffer = .allocate(byteCount: 256 << 10, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// Compresses one file and stages it unless it is there already.
    ///
    /// - Returns: the bytes of the compressed object, 0 when it was there.
    /// - Throws: `StoreError.corrupted` when the source's content does not have the checksum that names it;
    ///   `SystemError`.
    public func copy(_ name: ObjectName, from source: Store) throws -> Int64 {
        guard transaction.reserve(name) else { return 0 }
        var size: Int64 = 0
        do {
            let (header, contentSize) = try source.fileHeader(name.checksum)
            try transaction.writeReserved(name, mode: 0o644) { target in
                try write(header, contentSize, of: name, from: source, into: target)
                size = Int64(try target.status().st_size)
            }
        } catch {
            transaction.release(name)
            throw error
        }
        return size
    }

    private func write(
        _ header: FileHeader, _ size: Int64, of name: ObjectName, from source: Store, into target: borrowing Descriptor
    ) throws {
        _ = hasher.finish()  // a copy that failed may have left something
        hasher.update(header.checksumPrefix)
        try target.write(header.archivePrefix(size: UInt64(size)))
        if header.content == .regular { try compress(source.path(of: name), into: target) }
        let actual = hasher.finish()
        guard actual == name.checksum else { throw StoreError.corrupted(name, actual: actual) }
        try transaction.complete(target)
    }

    private func compress(_ source: FilePath, into target: borrowing Descriptor) throws {
        let file = try Descriptor(opening: source.string, flags: O_RDONLY | O_NOFOLLOW)
        deflater.reset()
        while true {
            let count = try file.read(into: buffer)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hasher.update(bytes)
            try deflater.deflate(bytes, last: count == 0) { try target.write($0) }
            if count == 0 { return }
        }
    }
}
