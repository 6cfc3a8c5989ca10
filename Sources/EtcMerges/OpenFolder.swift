import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// An open folder of one of the trees. Everything in it is reached relative to its descriptor, and no link is followed.
final class OpenFolder {
    let descriptor: Descriptor
    var path: String { descriptor.path }

    init(_ path: FilePath) throws(SystemError) {
        descriptor = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }

    private init(adopting raw: Int32, path: String) { descriptor = Descriptor(adopting: raw, path: path) }

    func path(of name: EtcName) -> String { "\(path)/\(EtcPath(bytes: name.bytes))" }

    func folder(_ name: EtcName) throws(SystemError) -> OpenFolder {
        let raw = try open(name, O_DIRECTORY)
        return OpenFolder(adopting: raw, path: path(of: name))
    }

    /// Opens a regular file for reading. One that has become something else since it was looked at is refused.
    func file(_ name: EtcName) throws(SystemError) -> Descriptor {
        let raw = try open(name, O_NONBLOCK | O_NOCTTY)
        let file = Descriptor(adopting: raw, path: path(of: name))
        guard try file.status().st_mode & S_IFMT == Glibc.S_IFREG else {
            throw SystemError("open", file.path, code: .invalidArgument)
        }
        return file
    }

    private func open(_ name: EtcName, _ flags: Int32) throws(SystemError) -> Int32 {
        try retrying("open", path(of: name)) {
            hostctl_openat(descriptor.raw, name.cString, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0)
        }
    }

    /// What has this name; `nil` when nothing has.
    func entry(_ name: EtcName) throws(SystemError) -> EtcEntry? {
        var status = stat()
        if fstatat(descriptor.raw, name.cString, &status, AT_SYMLINK_NOFOLLOW) != 0 {
            if errno == ENOENT { return nil }
            throw SystemError("examine", path(of: name))
        }
        let kind = EtcEntry.Kind(status.st_mode)
        return EtcEntry(kind: kind, status: status, target: kind == .link ? try target(name) : [])
    }

    private func target(_ name: EtcName) throws(SystemError) -> [UInt8] {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = try retrying("read the link", path(of: name)) {
            readlinkat(descriptor.raw, name.cString, &buffer, buffer.count)
        }
        return buffer.prefix(count).map { UInt8(bitPattern: $0) }
    }

    /// Sorted by their bytes.
    func names() throws(SystemError) -> [EtcName] {
        var names: [EtcName] = []
        try Files.forEachName(in: descriptor) { names.append(EtcName(bytes: Array($0))) }
        return names.sorted()
    }

    /// What the folder itself is.
    func ownEntry() throws(SystemError) -> EtcEntry {
        EtcEntry(kind: .folder, status: try descriptor.status(), target: [])
    }
}

/// A file, folder or link, as its inode tells it.
struct EtcEntry {
    /// `special` is a socket, a fifo or a device.
    enum Kind: Equatable {
        case file, folder, link, special

        init(_ mode: mode_t) {
            switch mode & S_IFMT {
            case Glibc.S_IFREG: self = .file
            case Glibc.S_IFDIR: self = .folder
            case Glibc.S_IFLNK: self = .link
            default: self = .special
            }
        }
    }

    let kind: Kind
    let status: stat
    /// A link's.
    let target: [UInt8]

    var permissions: mode_t { status.st_mode & 0o7777 }
    var inode: Inode { Inode(device: status.st_dev, number: status.st_ino) }

    func hasOwner(of other: EtcEntry) -> Bool {
        status.st_uid == other.status.st_uid && status.st_gid == other.status.st_gid
    }

    struct Inode: Hashable {
        let device: dev_t
        let number: ino_t
    }
}
