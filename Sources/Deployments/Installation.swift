import Glibc
import LinuxSystem
import OSTree
import Sysroots
public import SystemPackage

extension SysrootChange {
    /// Makes an empty sysroot: store, stateroot, hostctl's own folder. What is there already stays, so that an
    /// interrupted installation can be run again.
    ///
    /// - Parameters:
    ///   - root: a folder, made when it is missing.
    ///   - stateroot: the stateroot's name.
    /// - Throws: `DeploymentError.alreadyInstalled` when it has deployments; `DeploymentError.invalidName`;
    ///   `LockedError` while another command changes it; `OSTreeError`, `SystemError`.
    public static func initialize(root: FilePath, stateroot: String) throws {
        guard isName(stateroot) else { throw DeploymentError.invalidName(stateroot) }
        let paths = SysrootPaths(root: root)
        try requireEmpty(paths)
        // The first thing there is, so that of two installations into one folder only one goes on.
        try Files.makeFolder(paths.state)
        let lock = try FileLock(paths.lock, .exclusive, seconds: 0, holder: "an installation (pid \(getpid()))")
        defer { withExtendedLifetime(lock) {} }
        try requireEmpty(paths)  // another installation may have ended just before the lock was ours
        try Files.makeFolder(paths.boot)
        let sysroot = Sysroot(at: root)
        try sysroot.ensureInitialized()
        try retrying("set the permissions of", paths.repository.string) { chmod(paths.repository.string, 0o700) }
        // hostctl writes what boot loaders read; libostree must not run grub-mkconfig behind its back.
        try Repository(opening: paths.repository).configure(group: "sysroot", key: "bootloader", value: "none")
        if !Files.exists(paths.deploy.appending(stateroot).appending("var")) {
            try Files.removeTree(paths.deploy.appending(stateroot))
            try sysroot.load()
            try sysroot.makeStateroot(stateroot)
        }
        try Descriptor(opening: paths.state.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
    }

    /// An interrupted installation may have come past its switch; completing it is the next turn's work.
    private static func requireEmpty(_ paths: SysrootPaths) throws {
        let isInterrupted = try PendingChange.load(paths) != nil
        if !isInterrupted, !SysrootReader(root: paths.root).readDeployments().deployments.isEmpty {
            throw DeploymentError.alreadyInstalled(path: paths.root.string)
        }
    }

    /// Whether a name can be a folder's and part of a ref's.
    static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.first != "." && name.first != "-" && name.utf8.count <= 64
            && name.utf8.allSatisfy { byte in
                isalnum(Int32(byte)) != 0 && byte < 0x80 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: "-")
            }
    }
}
