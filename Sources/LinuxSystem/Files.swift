import CLinux
public import Glibc
public import SystemPackage

/// Whole-file and whole-folder operations by path.
///
/// What has to be atomic is atomic: a file written here is either the old or the new one after a crash.
public enum Files {
    /// Reads a file of at most `limit` bytes.
    ///
    /// - Throws: `SystemError`; `EFBIG` when the file is larger.
    public static func read(_ path: FilePath, limit: Int) throws(SystemError) -> [UInt8] {
        try Descriptor(opening: path.string).readToEnd(limit: limit)
    }

    /// Reads a file, or `nil` when there is none.
    ///
    /// - Throws: `SystemError` for every other reason.
    public static func readIfPresent(_ path: FilePath, limit: Int) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) { return try read(path, limit: limit) } catch {
            if error.code == .noSuchFileOrDirectory || error.code == .notDirectory { return nil }
            throw error
        }
    }

    /// Replaces `path` in one step that survives a power cut: temporary file, flush, rename, flush of the folder.
    ///
    /// - Throws: `SystemError`; the old file is then untouched.
    public static func replace(_ path: FilePath, with bytes: [UInt8], mode: mode_t = 0o644) throws(SystemError) {
        let folder = path.removingLastComponent()
        let temporary = folder.appending(".\(path.lastComponent?.string ?? "file").\(getpid()).tmp")
        try writeNew(temporary, bytes: bytes, mode: mode)
        FaultPoint.reached("replace.before-rename")
        if rename(temporary.string, path.string) != 0 {
            let failure = SystemError("replace", path.string)
            unlink(temporary.string)
            throw failure
        }
        FaultPoint.reached("replace.after-rename")
        try syncFolder(folder)
    }

    /// Creates a file that must not exist yet, and flushes it. The permissions hold from the first moment.
    ///
    /// - Throws: `SystemError`; `EEXIST` when there is such a file. Nothing is left behind on failure.
    public static func create(_ path: FilePath, bytes: [UInt8], mode: mode_t) throws(SystemError) {
        let file = try Descriptor(opening: path.string, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
        do throws(SystemError) {
            try file.write(bytes)
            try file.sync()
        } catch {
            unlink(path.string)
            throw error
        }
        try syncFolder(path.removingLastComponent())
    }

    private static func writeNew(_ path: FilePath, bytes: [UInt8], mode: mode_t) throws(SystemError) {
        let file = try Descriptor(opening: path.string, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
        do throws(SystemError) {
            try retrying("set the permissions of", path.string) { fchmod(file.raw, mode) }
            try file.write(bytes)
            try file.sync()
        } catch {
            unlink(path.string)
            throw error
        }
    }

    /// Replaces a symbolic link in one step.
    ///
    /// - Throws: `SystemError`.
    public static func replaceLink(_ path: FilePath, target: String) throws(SystemError) {
        let folder = path.removingLastComponent()
        let temporary = folder.appending(".\(path.lastComponent?.string ?? "link").\(getpid()).tmp")
        unlink(temporary.string)
        try retrying("make the link", temporary.string) { symlink(target, temporary.string) }
        if rename(temporary.string, path.string) != 0 {
            let failure = SystemError("replace", path.string)
            unlink(temporary.string)
            throw failure
        }
        try syncFolder(folder)
    }

    /// Makes renames and new names in a folder durable.
    ///
    /// - Throws: `SystemError`.
    public static func syncFolder(_ path: FilePath) throws(SystemError) {
        try Descriptor(opening: path.isEmpty ? "." : path.string, flags: O_RDONLY | O_DIRECTORY).sync()
    }

    /// Makes a folder and the missing ones above it; an existing folder is fine.
    ///
    /// - Throws: `SystemError`.
    public static func makeFolder(_ path: FilePath, mode: mode_t = 0o755) throws(SystemError) {
        if mkdir(path.string, mode) == 0 { return }
        let code = Errno(rawValue: errno)
        if code == .noSuchFileOrDirectory, path.components.count > 1 || path.isAbsolute {
            try makeFolder(path.removingLastComponent(), mode: mode)
            return try makeFolder(path, mode: mode)
        }
        if code == .fileExists, isFolder(path) { return }
        throw SystemError("make the folder", path.string, code: code)
    }

    /// Whether anything, even a dangling link, has this name.
    public static func exists(_ path: FilePath) -> Bool {
        var status = stat()
        return lstat(path.string, &status) == 0
    }

    /// Whether the path leads to a folder.
    public static func isFolder(_ path: FilePath) -> Bool {
        var status = stat()
        return stat(path.string, &status) == 0 && status.st_mode & S_IFMT == Glibc.S_IFDIR
    }

    /// The names in a folder, sorted by their bytes, without `.` and `..`.
    ///
    /// - Throws: `SystemError`; `EILSEQ` for a name that is not UTF-8.
    public static func names(in path: FilePath) throws(SystemError) -> [String] {
        guard let folder = opendir(path.string) else { throw SystemError("list", path.string) }
        return try names(in: folder, of: path.string)
    }

    /// The names in an open folder, which is closed.
    static func names(in folder: OpaquePointer, of path: String) throws(SystemError) -> [String] {
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            guard let name else { throw SystemError("read a name in", path, code: .illegalByteSequence) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The names in a folder, or none when there is no such folder.
    ///
    /// - Throws: `SystemError` for every other reason.
    public static func namesIfPresent(in path: FilePath) throws(SystemError) -> [String] {
        do throws(SystemError) { return try names(in: path) } catch {
            if error.code == .noSuchFileOrDirectory { return [] }
            throw error
        }
    }

    /// The target of a symbolic link, or `nil` when the path is no link.
    public static func linkTarget(_ path: FilePath) -> String? {
        var buffer = [CChar](repeating: 0, count: 4097)
        let length = readlink(path.string, &buffer, 4096)
        return length < 0 ? nil : String(validating: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes one name; a missing one is fine.
    ///
    /// - Throws: `SystemError`.
    public static func remove(_ path: FilePath) throws(SystemError) {
        if unlink(path.string) != 0, errno != ENOENT { throw SystemError("remove", path.string) }
    }
}
