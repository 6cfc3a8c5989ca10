import CLinux
import Glibc
public import SystemPackage

extension Files {
    /// Removes a folder and everything under it, never following a link and never crossing into another
    /// file system; the immutable flag that libostree sets on deployments is lifted. A missing folder is fine.
    ///
    /// - Throws: `SystemError`, `EXDEV` when something is mounted inside.
    public static func removeTree(_ path: FilePath) throws(SystemError) {
        var status = stat()
        if lstat(path.string, &status) != 0 {
            if errno == ENOENT { return }
            throw SystemError("examine", path.string)
        }
        guard status.st_mode & S_IFMT == Glibc.S_IFDIR else { return try remove(path) }
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try empty(folder, device: status.st_dev)
        try retrying("remove", path.string) { rmdir(path.string) }
    }

    private static func empty(_ folder: borrowing Descriptor, device: dev_t) throws(SystemError) {
        liftImmutable(folder)
        for name in try names(inOpen: folder) {
            if unlinkat(folder.raw, name, 0) == 0 { continue }
            let code = Errno(rawValue: errno)
            let path = "\(folder.path)/\(name)"
            guard code == .isDirectory || code == .notPermitted else { throw SystemError("remove", path, code: code) }
            let child = try Descriptor(
                adopting: retrying("open", path) {
                    hostctl_openat(folder.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
                }, path: path)
            guard try child.status().st_dev == device else { throw SystemError("remove", path, code: .improperLink) }
            try empty(child, device: device)
            try retrying("remove", path) { unlinkat(folder.raw, name, AT_REMOVEDIR) }
        }
    }

    private static func liftImmutable(_ folder: borrowing Descriptor) {
        let immutable: Int32 = 0x10  // FS_IMMUTABLE_FL
        var flags: Int32 = 0
        if hostctl_get_flags(folder.raw, &flags) == 0, flags & immutable != 0 {
            _ = hostctl_set_flags(folder.raw, flags & ~immutable)
        }
    }

    private static func names(inOpen folder: borrowing Descriptor) throws(SystemError) -> [String] {
        let own = try retrying("open", folder.path) {
            hostctl_openat(folder.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        }
        guard let stream = fdopendir(own) else {
            let failure = SystemError("list", folder.path)
            close(own)
            throw failure
        }
        return try names(in: stream, of: folder.path)
    }
}
