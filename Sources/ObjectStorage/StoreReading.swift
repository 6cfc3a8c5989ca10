public import Checksums
import Glibc
import LinuxSystem
public import ObjectFormats
import SystemPackage

extension Store {
    /// ostree's limit for a dirtree, dirmeta or commit: 10 MiB.
    public static let metadataLimit = 10 << 20

    /// The bytes of a dirtree, dirmeta or commit, with their checksum verified.
    ///
    /// - Throws: `StoreError.missing`, `StoreError.corrupted`, `SystemError`.
    public func metadata(_ name: ObjectName) throws -> [UInt8] {
        guard let bytes = try Files.readIfPresent(path(of: name), limit: Self.metadataLimit) else {
            throw StoreError.missing(name)
        }
        let actual = SHA256.hash(bytes)
        guard actual == name.checksum else { throw StoreError.corrupted(name, actual: actual) }
        return bytes
    }

    /// A commit, with its checksum verified.
    ///
    /// - Throws: as `metadata(_:)`, and `FormatError`.
    public func commit(_ checksum: Checksum) throws -> Commit {
        try Commit(decoding: metadata(ObjectName(checksum, .commit)))
    }

    /// The bytes of a commit, which its signatures sign.
    ///
    /// - Throws: as `metadata(_:)`.
    public func commitBytes(_ checksum: Checksum) throws -> [UInt8] { try metadata(ObjectName(checksum, .commit)) }

    /// - Throws: as `metadata(_:)`, and `FormatError`.
    public func tree(_ checksum: Checksum) throws -> DirectoryTree {
        try DirectoryTree(decoding: metadata(ObjectName(checksum, .dirtree)))
    }

    /// The folder at a path below `root`, or `nil`.
    ///
    /// - Throws: as `tree(_:)`.
    public func folder(_ path: [String], in root: DirectoryTree) throws -> DirectoryTree? {
        var folder = root
        for part in path {
            guard let next = folder.folders.first(where: { $0.name == part }) else { return nil }
            folder = try tree(next.tree)
        }
        return folder
    }

    /// What stands beside a commit, such as its signatures; `nil` when there is nothing.
    ///
    /// - Throws: `SystemError`.
    public func detachedMetadata(of commit: Checksum) throws -> [UInt8]? {
        try Files.readIfPresent(detachedPath(commit), limit: Self.metadataLimit)
    }

    /// Replaces what stands beside a commit, in one step.
    ///
    /// - Throws: `SystemError`.
    public func setDetachedMetadata(_ bytes: [UInt8], of commit: Checksum) throws {
        let path = detachedPath(commit)
        try Files.makeFolder(path.removingLastComponent())
        try Files.replace(path, with: bytes)
    }

    private func detachedPath(_ commit: Checksum) -> FilePath {
        let hex = commit.hex
        return path.appending("objects/\(hex.prefix(2))/\(hex.dropFirst(2)).commitmeta")
    }

    /// The header and size of a file: in a bare store from its inode, in an archive from the object's first bytes.
    ///
    /// - Returns: what precedes the content in the checksum, and the content's size in bytes.
    /// - Throws: `StoreError.missing`, `StoreError.corrupted` when it is neither a file nor a link, `SystemError`.
    public func fileHeader(_ checksum: Checksum) throws -> (header: FileHeader, size: Int64) {
        let name = ObjectName(checksum, .file)
        if mode == .archive { return try archiveFileHeader(name) }
        guard let found = try Self.fileHeader(atPath: objectPath(name)) else { throw StoreError.missing(name) }
        guard let header = found.header else { throw StoreError.corrupted(name, actual: nil) }
        return (header, found.size)
    }

    /// The header and size of a file of a bare store that lies at `path`, in the store or on its way there.
    ///
    /// - Returns: `nil` when nothing is there; no header when it is neither a file nor a link.
    /// - Throws: `SystemError`.
    public static func fileHeader(atPath path: String) throws -> (header: FileHeader?, size: Int64)? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw SystemError("examine", path)
        }
        let attributes = FileAttributes(
            uid: status.st_uid, gid: status.st_gid, permissions: status.st_mode & 0o7777,
            extendedAttributes: try ExtendedAttributes.read(path: path))
        if status.st_mode & S_IFMT == Glibc.S_IFREG {
            return (FileHeader(attributes: attributes, content: .regular), Int64(status.st_size))
        }
        guard status.st_mode & S_IFMT == Glibc.S_IFLNK, let target = Files.linkTarget(FilePath(path)) else {
            return (nil, 0)
        }
        return (FileHeader(attributes: attributes, content: .link(target: target)), 0)
    }
}

extension Store {
    /// The bytes that an object takes in this store.
    ///
    /// - Throws: `StoreError.missing`, `SystemError`.
    public func size(of name: ObjectName) throws -> Int64 {
        var status = stat()
        guard lstat(path(of: name).string, &status) == 0 else {
            if errno == ENOENT { throw StoreError.missing(name) }
            throw SystemError("examine", path(of: name).string)
        }
        return Int64(status.st_size)
    }
}
