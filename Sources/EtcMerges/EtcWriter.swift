import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Owner, mode and attributes of a file or folder.
struct Metadata {
    struct Owner: Equatable {
        let uid: uid_t
        let gid: gid_t
    }

    var owner: Owner
    var permissions: mode_t
    var attributes: Attributes

    init(_ entry: EtcEntry, _ attributes: Attributes) {
        owner = Owner(uid: entry.status.st_uid, gid: entry.status.st_gid)
        permissions = entry.permissions
        self.attributes = attributes
    }

    init(_ located: Located) throws(SystemError) { self.init(located.entry, try located.attributes()) }

    /// Gives an open file or folder all of it.
    func write(to file: borrowing Descriptor) throws(SystemError) {
        // The owner first: changing it clears set-id bits and capabilities.
        try retrying("set the owner of", file.path) { fchown(file.raw, owner.uid, owner.gid) }
        try retrying("set the permissions of", file.path) { fchmod(file.raw, permissions) }
        try attributes.write(to: file)
    }

    /// Whether nothing of it differs from what this file has.
    func isThat(of located: Located) throws(SystemError) -> Bool {
        let other = try Metadata(located)
        return owner == other.owner && permissions == other.permissions && attributes == other.attributes
    }
}

/// Writes a merged tree. Names are made new in folders that this process has made, so that nothing is followed.
final class EtcWriter {
    private let root: OpenFolder
    /// Where files are whose inode has several names.
    private var written: [EtcEntry.Inode: EtcPath] = [:]

    init(root: OpenFolder) { self.root = root }

    func makeFolder(_ place: Place) throws(SystemError) -> OpenFolder {
        let output = target(place)
        try retrying("make the folder", output.path(of: place.name)) {
            mkdirat(output.descriptor.raw, place.name.cString, 0o700)
        }
        return try output.folder(place.name)
    }

    func copyLink(_ source: Located, _ place: Place) throws(SystemError) {
        let output = target(place)
        let (path, name) = (output.path(of: place.name), place.name.cString)
        let link = source.entry.target.map { CChar(bitPattern: $0) } + [0]
        try retrying("make the link", path) { symlinkat(link, output.descriptor.raw, name) }
        let status = source.entry.status
        try retrying("set the owner of", path) {
            fchownat(output.descriptor.raw, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW)
        }
        let times = [status.st_atim, status.st_mtim]
        try retrying("set the time of", path) {
            utimensat(output.descriptor.raw, name, times, AT_SYMLINK_NOFOLLOW)
        }
    }

    /// Copies a file's content, sharing its blocks where the file system can.
    ///
    /// - Parameter mayLink: whether the source is an operator's file: other names of its inode that come to the
    ///   same are made names of one file again. The image's files share inodes only because the store does.
    func copyFile(_ source: Located, _ metadata: Metadata, _ place: Place, mayLink: Bool) throws(SystemError) {
        let output = target(place)
        let mayHaveNames = mayLink && source.entry.status.st_nlink > 1
        let hasNames = mayHaveNames ? try metadata.isThat(of: source) : false
        if hasNames, let first = written[source.entry.inode] {
            let name = first.bytes.map { CChar(bitPattern: $0) } + [0]
            try retrying("link", output.path(of: place.name)) {
                linkat(root.descriptor.raw, name, output.descriptor.raw, place.name.cString, 0)
            }
            return
        }
        let file = try make(place)
        try Self.copyContent(from: source.asFile(), to: file)
        try finish(file, metadata, source.entry.status)
        if hasNames { written[source.entry.inode] = place.path }
    }

    func write(_ bytes: [UInt8], _ metadata: Metadata, _ place: Place) throws(SystemError) {
        let file = try make(place)
        try file.write(bytes)
        try metadata.write(to: file)
    }

    private func finish(_ file: borrowing Descriptor, _ metadata: Metadata, _ status: stat) throws(SystemError) {
        try metadata.write(to: file)
        let times = [status.st_atim, status.st_mtim]
        try retrying("set the time of", file.path) { futimens(file.raw, times) }
    }

    private func make(_ place: Place) throws(SystemError) -> Descriptor {
        let output = target(place)
        let path = output.path(of: place.name)
        // Nobody else can read a secret before its mode is set.
        let raw = try retrying("make", path) {
            hostctl_openat(
                output.descriptor.raw, place.name.cString, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        return Descriptor(adopting: raw, path: path)
    }

    private func target(_ place: Place) -> OpenFolder {
        guard let output = place.output else { fatalError("\(place.path) has no folder to be written to") }
        return output
    }

    private static func copyContent(
        from source: borrowing Descriptor, to file: borrowing Descriptor
    ) throws(SystemError) {
        if hostctl_clone(file.raw, source.raw) == 0 { return }
        var copied = 0
        while true {
            let count = hostctl_copy_range(source.raw, file.raw, 1 << 30)
            if count == 0 { return }
            copied += max(0, count)
            if count < 0 {
                if errno == EINTR { continue }
                // Between file systems, or on one that cannot.
                guard copied == 0, [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP].contains(errno) else {
                    throw SystemError("copy", source.path)
                }
                break
            }
        }
        while case let bytes = try source.read(exactly: 1 << 17), !bytes.isEmpty { try file.write(bytes) }
    }
}
