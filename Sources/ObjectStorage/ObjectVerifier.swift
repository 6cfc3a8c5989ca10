public import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
public import SystemPackage

/// Computes the checksums of inodes as ostree does. One for each worker: it keeps a buffer and a hasher.
public final class ObjectVerifier {
    private let buffer: UnsafeMutableRawBufferPointer
    private var hasher = SHA256()

    public init() { buffer = .allocate(byteCount: 256 << 10, alignment: 4096) }

    deinit { buffer.deallocate() }

    /// The checksum that a regular file or link would have as an object, from its inode and content.
    ///
    /// - Throws: `SystemError`, `StoreError.unsupportedFile` for other kinds of file.
    public func checksum(ofFileAt path: FilePath) throws -> Checksum {
        _ = hasher.finish()  // a file that could not be read to its end may have left something
        var status = stat()
        try retrying("examine", path.string) { lstat(path.string, &status) }
        let attributes = FileAttributes(
            uid: status.st_uid, gid: status.st_gid, permissions: status.st_mode & 0o7777,
            extendedAttributes: try ExtendedAttributes.read(path: path.string))
        if status.st_mode & S_IFMT == Glibc.S_IFLNK, let target = Files.linkTarget(path) {
            hasher.update(FileHeader(attributes: attributes, content: .link(target: target)).checksumPrefix)
            return hasher.finish()
        }
        guard status.st_mode & S_IFMT == Glibc.S_IFREG else {
            throw StoreError.unsupportedFile(path: path.string, detail: "it is neither a file nor a link")
        }
        hasher.update(FileHeader(attributes: attributes, content: .regular).checksumPrefix)
        let file = try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW)
        while true {
            let count = try file.read(into: buffer)
            if count == 0 { return hasher.finish() }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
