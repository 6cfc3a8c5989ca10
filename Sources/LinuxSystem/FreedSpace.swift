import CLinux
public import Glibc
public import SystemPackage

/// The space that removals give back: a file counts when the last of its names is among those that are removed, and
/// then with the blocks that it takes on the disk.
public struct FreedSpace: Sendable {
    private struct Inode: Hashable {
        let device: UInt64
        let number: UInt64
    }

    private struct Names {
        var seen: UInt64
        let all: UInt64
    }

    /// What comes free, in bytes.
    public private(set) var bytes: Int64 = 0
    private var shared: [Inode: Names] = [:]

    public init() {}

    /// Counts one name that is removed.
    ///
    /// - Parameter status: of the file, before the removal.
    /// - Returns: what this removal gives back.
    @discardableResult
    public mutating func add(_ status: stat) -> Int64 {
        let size = Int64(status.st_blocks) * 512
        guard status.st_nlink > 1, status.st_mode & S_IFMT != Glibc.S_IFDIR else {
            bytes += size
            return size
        }
        let inode = Inode(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
        var names = shared[inode] ?? Names(seen: 0, all: UInt64(status.st_nlink))
        names.seen += 1
        shared[inode] = names
        guard names.seen == names.all else { return 0 }
        bytes += size
        return size
    }

    /// Adds what others have counted.
    public mutating func add(bytes more: Int64) { bytes += more }

    /// Counts a folder with everything below it, or a file; what is missing counts nothing. Links are not followed.
    ///
    /// - Returns: what its removal gives back.
    /// - Throws: `SystemError`.
    @discardableResult
    public mutating func addTree(_ path: FilePath) throws(SystemError) -> Int64 {
        let before = bytes
        var status = stat()
        if lstat(path.string, &status) != 0 {
            if errno == ENOENT { return 0 }
            throw SystemError("examine", path.string)
        }
        if status.st_mode & S_IFMT == Glibc.S_IFDIR { try addContents(path.string) }
        add(status)
        return bytes - before
    }

    /// Goes down name by name and up again by "..", so that neither descriptors nor the stack run out.
    private mutating func addContents(_ path: String) throws(SystemError) {
        var folder = try Descriptor(opening: path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var rest = [try addNames(folder)]
        while let level = rest.indices.last {
            if let name = rest[level].popLast() {
                folder = try Files.openFolder(name, in: folder, path: path)
                rest.append(try addNames(folder))
            } else {
                rest.removeLast()
                if !rest.isEmpty { folder = try Files.openFolder([0x2e, 0x2e, 0], in: folder, path: path) }
            }
        }
    }

    /// - Returns: the folders among the names.
    private mutating func addNames(_ folder: borrowing Descriptor) throws(SystemError) -> [[CChar]] {
        var folders: [[CChar]] = []
        for name in try Files.rawNames(in: folder) {
            var status = stat()
            try retrying("examine", folder.path) { fstatat(folder.raw, name, &status, AT_SYMLINK_NOFOLLOW) }
            if status.st_mode & S_IFMT == Glibc.S_IFDIR { folders.append(name) }
            add(status)
        }
        return folders
    }
}

extension Files {
    /// Opens a folder inside an open one; its name is bytes with their closing NUL, and no link is followed.
    static func openFolder(
        _ name: [CChar], in folder: borrowing Descriptor, path: String
    ) throws(SystemError) -> Descriptor {
        let raw = try retrying("open", path) {
            hostctl_openat(folder.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        }
        return Descriptor(adopting: raw, path: path)
    }
}
