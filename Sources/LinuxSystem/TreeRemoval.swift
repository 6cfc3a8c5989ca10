import CLinux
import Glibc
public import SystemPackage

extension Files {
    /// Removes a folder and everything under it, or a file; what is missing is fine.
    ///
    /// Never follows a link and never enters anything that is mounted inside, not even a bind mount of the same
    /// file system. Lifts the immutable flag, which libostree sets on deployments and operators on files in /etc.
    /// - Throws: `SystemError`, `EXDEV` when something is mounted at the path or inside.
    public static func removeTree(_ path: FilePath) throws(SystemError) {
        var status = stat()
        if lstat(path.string, &status) != 0 {
            if errno == ENOENT { return }
            throw SystemError("examine", path.string)
        }
        guard status.st_mode & S_IFMT == Glibc.S_IFDIR else { return try remove(path) }
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let above = try Descriptor(opening: "..", relativeTo: folder.raw, flags: pathOnly | O_DIRECTORY)
        let place = try MountPlace(of: folder)
        guard try MountPlace(of: above) == place else { throw SystemError("remove", path.string, code: .improperLink) }
        try TreeRemoval(root: folder, place: place).run()
        try retrying("remove", path.string) { rmdir(path.string) }
    }
}

/// O_PATH: it needs no permission to read.
private let pathOnly: Int32 = 0o10_000_000

/// The mount that a file lies on. Before Linux 5.8 only its file system.
private struct MountPlace: Equatable {
    private let device: dev_t
    private var mount: UInt64 = 0

    init(of file: borrowing Descriptor) throws(SystemError) {
        device = try file.status().st_dev
        if hostctl_mount_id(file.raw, &mount) != 0, errno != ENOSYS { throw SystemError("examine", file.path) }
    }
}

/// Empties a folder. Names are bytes with their closing NUL: what cannot be shown must still be removable.
private struct TreeRemoval: ~Copyable {
    let root: Descriptor
    let place: MountPlace
    /// Folders further down are moved up into the root first, so that neither descriptors nor the stack run out.
    private static let deepest = 64

    init(root: consuming Descriptor, place: MountPlace) {
        self.root = root
        self.place = place
    }

    func run() throws(SystemError) {
        // Again while folders are moved up.
        while try empty(root, depth: 0) > 0 {}
    }

    /// - Returns: how many names there were.
    @discardableResult
    private func empty(_ folder: borrowing Descriptor, depth: Int) throws(SystemError) -> Int {
        Self.liftFlags(folder)
        let names = try Files.rawNames(in: folder)
        for name in names { try remove(name, in: folder, depth: depth) }
        return names.count
    }

    private func remove(_ name: [CChar], in folder: borrowing Descriptor, depth: Int) throws(SystemError) {
        if Self.unlink(name, in: folder) || errno == ENOENT { return }
        let path = "\(folder.path)/\(Self.text(name))"
        let failure = SystemError("remove", path)
        // An immutable folder is refused as an immutable file is.
        guard failure.code == .isDirectory || failure.code == .notPermitted else { throw failure }
        switch try Self.kind(of: name, in: folder, path) {
        case Glibc.S_IFDIR: try removeFolder(name, in: folder, path, depth: depth)
        case Glibc.S_IFREG:
            Self.liftFlags(try Self.open(name, in: folder, path, flags: O_NONBLOCK))
            guard Self.unlink(name, in: folder) else { throw SystemError("remove", path) }
        default: throw failure
        }
    }

    private func removeFolder(
        _ name: [CChar], in folder: borrowing Descriptor, _ path: String, depth: Int
    ) throws(SystemError) {
        let child = try Self.open(name, in: folder, path, flags: O_DIRECTORY)
        guard try MountPlace(of: child) == place else { throw SystemError("remove", path, code: .improperLink) }
        if depth == Self.deepest { return try moveUp(child, name, from: folder) }
        try empty(child, depth: depth + 1)
        guard Self.unlink(name, in: folder, AT_REMOVEDIR) else { throw SystemError("remove", path) }
    }

    private func moveUp(
        _ child: borrowing Descriptor, _ name: [CChar], from folder: borrowing Descriptor
    ) throws(SystemError) {
        Self.liftFlags(child)
        let free = ".hostctl-removed-\(try child.status().st_ino)"
        try retrying("move", child.path) { renameat(folder.raw, name, root.raw, free) }
    }

    private static func text(_ name: [CChar]) -> String {
        String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func unlink(_ name: [CChar], in folder: borrowing Descriptor, _ flags: Int32 = 0) -> Bool {
        unlinkat(folder.raw, name, flags) == 0
    }

    private static func kind(
        of name: [CChar], in folder: borrowing Descriptor, _ path: String
    ) throws(SystemError) -> mode_t {
        var status = stat()
        try retrying("examine", path) { fstatat(folder.raw, name, &status, AT_SYMLINK_NOFOLLOW) }
        return status.st_mode & S_IFMT
    }

    private static func open(
        _ name: [CChar], in folder: borrowing Descriptor, _ path: String, flags: Int32
    ) throws(SystemError) -> Descriptor {
        let raw = try retrying("open", path) {
            hostctl_openat(folder.raw, name, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0)
        }
        return Descriptor(adopting: raw, path: path)
    }

    /// Makes what is immutable, or only grows, changeable. File systems without such flags say no, which is as well.
    private static func liftFlags(_ file: borrowing Descriptor) {
        let lifted: Int32 = 0x10 | 0x20  // FS_IMMUTABLE_FL, FS_APPEND_FL
        var flags: Int32 = 0
        if hostctl_get_flags(file.raw, &flags) == 0, flags & lifted != 0 {
            _ = hostctl_set_flags(file.raw, flags & ~lifted)
        }
    }
}
