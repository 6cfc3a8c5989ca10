import CLinux
import Glibc
public import SystemPackage

extension Files {
    private static let immutable: Int32 = 0x10  // FS_IMMUTABLE_FL

    /// Whether nobody can change the names in a folder; `false` on file systems without such a flag.
    ///
    /// - Throws: `SystemError`.
    public static func isImmutable(_ path: FilePath) throws(SystemError) -> Bool {
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var flags: Int32 = 0
        return hostctl_get_flags(folder.raw, &flags) == 0 && flags & immutable != 0
    }

    /// Makes a folder immutable, as libostree makes the root of a deployment, durably; file systems without such a flag
    /// leave it as it is.
    ///
    /// - Throws: `SystemError`.
    public static func makeImmutable(_ path: FilePath) throws(SystemError) {
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var flags: Int32 = 0
        guard hostctl_get_flags(folder.raw, &flags) == 0, flags & immutable == 0,
            hostctl_set_flags(folder.raw, flags | immutable) == 0
        else { return }
        try folder.sync()
    }

    /// Runs `body` while names in a folder can be changed, though the folder is immutable, as libostree makes the root of
    /// a deployment. A kill meanwhile leaves it changeable: whoever goes on calls `makeImmutable`.
    ///
    /// - Throws: `SystemError`, what `body` throws.
    public static func whileChangeable<Result>(_ path: FilePath, _ body: () throws -> Result) throws -> Result {
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var flags: Int32 = 0
        // File systems without such flags say no, which is as well.
        guard hostctl_get_flags(folder.raw, &flags) == 0, flags & immutable != 0 else { return try body() }
        try retrying("make changeable", path.string) { hostctl_set_flags(folder.raw, flags & ~immutable) }
        defer { _ = hostctl_set_flags(folder.raw, flags) }
        return try body()
    }
}
