import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import SystemPackage

extension Store {
    /// The checksum of a regular file's content alone, without what stands before it in the object's own checksum.
    ///
    /// - Throws: `StoreError.missing`, `StoreError.corrupted` for an archive object that cannot be inflated,
    ///   `SystemError`.
    func contentChecksum(_ checksum: Checksum) throws -> Checksum {
        let name = ObjectName(checksum, .file)
        let file = try openObject(name)
        var hasher = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { buffer.deallocate() }
        if mode == .archive { _ = try archiveHeader(file, name) }
        let inflater = mode == .archive ? Inflater() : nil
        while true {
            let count = try file.read(into: buffer)
            if count == 0 { return hasher.finish() }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            guard let inflater else {
                hasher.update(bytes)
                continue
            }
            do { try inflater.inflate(bytes) { hasher.update($0) } } catch is DeflateError {
                throw StoreError.corrupted(name, actual: nil)
            }
        }
    }

    /// The header of a file in an archive, and the uncompressed size of its content.
    func archiveFileHeader(_ name: ObjectName) throws -> (header: FileHeader, size: Int64) {
        let (header, size) = try archiveHeader(openObject(name), name)
        return (header, Int64(clamping: size))
    }

    private func openObject(_ name: ObjectName) throws -> Descriptor {
        do throws(SystemError) {
            return try Descriptor(opening: objectPath(name), flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            if error.code == .noSuchFileOrDirectory { throw StoreError.missing(name) }
            throw error
        }
    }

    /// Reads to the first byte of the content.
    private func archiveHeader(
        _ file: borrowing Descriptor, _ name: ObjectName
    ) throws -> (header: FileHeader, size: UInt64) {
        do {
            let length = try FileHeader.archiveHeaderLength(readExactly(8, from: file))
            return try FileHeader.decode(archive: readExactly(length, from: file))
        } catch is FormatError {
            throw StoreError.corrupted(name, actual: nil)
        }
    }

    /// - Returns: fewer bytes when the file ends before.
    private func readExactly(_ count: Int, from file: borrowing Descriptor) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = try bytes.withUnsafeMutableBytes { try file.read(into: .init(rebasing: $0[done...])) }
            if got == 0 { return Array(bytes[..<done]) }
            done += got
        }
        return bytes
    }
}
