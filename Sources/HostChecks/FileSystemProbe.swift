import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Tries on a small file what the store needs of its file system: the kind of file system alone does not tell.
struct FileSystemProbe {
    let hasHardLinks: Bool
    let hasExtendedAttributes: Bool
    let keepsOwners: Bool
    let hasImmutableFiles: Bool

    /// Makes a file in `folder`, and removes it.
    ///
    /// - Throws: `SystemError` when no file can be made there.
    init(in folder: FilePath) throws(SystemError) {
        let name = ".hostctl-\(String(UInt64.random(in: .min ... .max), radix: 16))"
        let path = folder.appending("\(name).tmp").string
        let link = folder.appending("\(name)-link.tmp").string
        let file = try Descriptor(opening: path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        defer {
            unlink(link)
            unlink(path)
        }
        hasHardLinks = Glibc.link(path, link) == 0
        // Of this kind every file system with attributes has some; those of users are newer on tmpfs.
        hasExtendedAttributes = hostctl_fsetxattr(file.raw, "trusted.hostctl-probe", "1", 1) == 0
        let isGiven = fchown(file.raw, 1, 1) == 0 && fchmod(file.raw, 0o4755) == 0
        let status = try file.status()
        keepsOwners = isGiven && status.st_uid == 1 && status.st_gid == 1 && status.st_mode & 0o7777 == 0o4755
        hasImmutableFiles = Self.canBeImmutable(file)
    }

    private static func canBeImmutable(_ file: borrowing Descriptor) -> Bool {
        let immutable: Int32 = 0x10  // FS_IMMUTABLE_FL
        var flags: Int32 = 0
        guard hostctl_get_flags(file.raw, &flags) == 0, hostctl_set_flags(file.raw, flags | immutable) == 0 else {
            return false
        }
        return hostctl_set_flags(file.raw, flags) == 0
    }
}
