import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Replaces a deployment's `etc` as a whole.
enum EtcReplacement {
    /// Makes a tree aside by `body`, and puts it in the place of `etc`; see `EtcMerge.apply`.
    ///
    /// - Parameter body: fills the empty folder, and gives it its owner and mode.
    static func run(in deployment: FilePath, _ body: (OpenFolder) throws -> Void) throws {
        let aside = deployment.appending(EtcMerge.temporaryName)
        try Files.whileChangeable(deployment) {
            FaultPoint.reached("etc.before-aside")
            try Files.removeTree(aside)
            do {
                try Files.makeFolder(aside, mode: 0o700)
                try body(OpenFolder(aside))
                FaultPoint.reached("etc.before-flush")
                let folder = try Descriptor(opening: deployment.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                try folder.syncFileSystem()
                FaultPoint.reached("etc.before-switch")
                try exchange(folder)
                FaultPoint.reached("etc.after-switch")
                try folder.sync()
            } catch {
                // The first error counts; what stays is removed by the next turn.
                do { try Files.removeTree(aside) } catch {}
                throw error
            }
            FaultPoint.reached("etc.before-removal")
            try Files.removeTree(aside)
            FaultPoint.reached("etc.after-removal")
        }
    }

    private static func exchange(_ folder: borrowing Descriptor) throws {
        let (name, aside) = ("etc", EtcMerge.temporaryName)
        if hostctl_renameat2(folder.raw, aside, folder.raw, name, HOSTCTL_RENAME_EXCHANGE) == 0 { return }
        if errno == EINVAL || errno == ENOSYS {
            // A file system that cannot exchange. Nothing boots this deployment before it has its `etc`, and the next
            // turn makes it when it is missing.
            try Files.removeTree(FilePath(folder.path).appending(name))
        } else if errno != ENOENT {
            throw SystemError("replace", "\(folder.path)/\(name)")
        }
        try retrying("replace", "\(folder.path)/\(name)") { renameat(folder.raw, aside, folder.raw, name) }
    }
}
