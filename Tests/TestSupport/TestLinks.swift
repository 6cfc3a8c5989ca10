import Glibc
public import LinuxSystem
public import SystemPackage

extension Files {
    /// Makes a symbolic link, in the place of a file or link that is there.
    ///
    /// - Throws: `SystemError`.
    public static func replaceLink(_ path: FilePath, target: String) throws(SystemError) {
        let new = "\(path).new"
        guard symlink(target, new) == 0, rename(new, path.string) == 0 else {
            throw SystemError("make the link", path.string)
        }
    }
}
