import CLinux
public import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
public import SystemPackage

/// Computes the checksums of inodes as ostree does. One for each worker: it keeps a buffer and a hasher.
public final class ObjectVerifier {
    private struct Plain: Hashable {
        let uid: UInt32
        let gid: UInt32
        let permissions: UInt32
    }

    private let buffer: UnsafeMutableRawBufferPointer
    private var hasher = SHA256()
    /// What precedes the content of regular files without extended attributes: of them there are few kinds.
    private var prefixes: [Plain: [UInt8]] = [:]
    /// Bytes of content that were read so far.
    public private(set) var bytesRead: Int64 = 0

    public init() { buffer = .allocate(byteCount: 256 << 10, alignment: 4096) }

    deinit { buffer.deallocate() }

    /// The checksum that a regular file or link would have as an object, from its inode and content.
    ///
    /// - Throws: `SystemError`, `StoreError.unsupportedFile` for other kinds of file.
    public func checksum(ofFileAt path: FilePath) throws -> Checksum {
        try path.string.withCString { try checksum(of: $0, in: AT_FDCWD, path: path.string).checksum }
    }

    /// The same, of a name in an open folder.
    ///
    /// - Parameter path: for messages, and for the attributes of links.
    /// - Returns: the checksum, and the inode that it was computed from.
    /// - Throws: as `checksum(ofFileAt:)`.
    public func checksum(
        of name: UnsafePointer<CChar>, in folder: Int32, path: @autoclosure () -> String
    ) throws -> (checksum: Checksum, inode: UInt64) {
        _ = hasher.finish()  // a file that could not be read to its end may have left something
        // Without O_NONBLOCK a named pipe would hold us up for ever.
        let raw = hostctl_openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
        if raw >= 0 {
            return try checksum(ofFile: Descriptor(adopting: raw, path: "a file of the store"), path())
        }
        guard errno == ELOOP else { throw SystemError("open", path()) }
        return try checksum(ofLink: name, in: folder, path())
    }

    private func checksum(
        ofFile file: consuming Descriptor, _ path: @autoclosure () -> String
    ) throws -> (Checksum, UInt64) {
        var status = stat()
        try retrying("examine", path()) { fstat(file.raw, &status) }
        guard status.st_mode & S_IFMT == Glibc.S_IFREG else {
            throw StoreError.unsupportedFile(path: path(), detail: "it is neither a file nor a link")
        }
        hasher.update(try prefix(of: file, status, path()))
        var rest = Int64(status.st_size)
        while rest > 0 {
            let count = try retrying("read", path()) { Glibc.read(file.raw, buffer.baseAddress, buffer.count) }
            if count == 0 { break }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            rest -= Int64(count)
            bytesRead += Int64(count)
        }
        return (hasher.finish(), UInt64(status.st_ino))
    }

    private func prefix(
        of file: borrowing Descriptor, _ status: stat, _ path: @autoclosure () -> String
    ) throws -> [UInt8] {
        let size = hostctl_flistxattr(file.raw, nil, 0)
        let permissions = status.st_mode & 0o7777
        guard size == 0 || size < 0 && errno == ENOTSUP else {
            let attributes = FileAttributes(
                uid: status.st_uid, gid: status.st_gid, permissions: permissions,
                extendedAttributes: try ExtendedAttributes.read(file))
            return FileHeader(attributes: attributes, content: .regular).checksumPrefix
        }
        let plain = Plain(uid: status.st_uid, gid: status.st_gid, permissions: permissions)
        if let known = prefixes[plain] { return known }
        let attributes = FileAttributes(uid: plain.uid, gid: plain.gid, permissions: plain.permissions)
        let prefix = FileHeader(attributes: attributes, content: .regular).checksumPrefix
        prefixes[plain] = prefix
        return prefix
    }

    private func checksum(
        ofLink name: UnsafePointer<CChar>, in folder: Int32, _ path: String
    ) throws -> (Checksum, UInt64) {
        var status = stat()
        try retrying("examine", path) { fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) }
        guard let target = Files.linkTarget(FilePath(path)) else {
            throw StoreError.unsupportedFile(path: path, detail: "its target is not UTF-8")
        }
        let attributes = FileAttributes(
            uid: status.st_uid, gid: status.st_gid, permissions: status.st_mode & 0o7777,
            extendedAttributes: try ExtendedAttributes.read(path: path))
        hasher.update(FileHeader(attributes: attributes, content: .link(target: target)).checksumPrefix)
        return (hasher.finish(), UInt64(status.st_ino))
    }
}
