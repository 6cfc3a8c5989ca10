import CLinux
import Glibc
public import SystemPackage

extension Files {
    /// Runs `body` while names in a folder can be changed, though the folder is immutable, as libostree makes the root of
    /// a deployment. A kill meanwhile leaves it changeable.
    ///
    /// - Throws: `SystemError`, what `body` throws.
    public static func whileChangeable<Result>(_ path: FilePath, _ body: () throws -> Result) throws -> Result {
        let immutable: Int32 = 0x10  // FS_IMMUTABLE_FL
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var flags: Int32 = 0
        // File systems without such flags say no, which is as well.
        guard hostctl_get_flags(folder.raw, &flags) == 0, flags & immutable != 0 else { return try body() }
        try retrying("make changeable", path.string) { hostctl_set_flags(folder.raw, flags & ~immutable) }
        defer { _ = hostctl_set_flags(folder.raw, flags) }
        return try body()
    }
}
