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
    /// A link is replaced, not followed. A crash may leave a file for which `isTemporary` holds; while its process
    /// lives, the file is locked (`flock`), so that a cleanup can tell.
    /// - Throws: `SystemError`; there is still the old file then, unless it was the last step that failed.
    public static func replace(_ path: FilePath, with bytes: [UInt8], mode: mode_t = 0o644) throws(SystemError) {
        try replace(path, mode: mode) { (file: borrowing Descriptor) throws(SystemError) in try file.write(bytes) }
    }

    /// Replaces `path` as `replace(_:with:)` does, by what `body` writes: for files that are too large to be in memory.
    ///
    /// - Throws: `SystemError`, also from `body`.
    public static func replace(
        _ path: FilePath, mode: mode_t = 0o644, _ body: (borrowing Descriptor) throws(SystemError) -> Void
    ) throws(SystemError) {
        let temporary = temporaryName(beside: path)
        let file = try writeNew(temporary, mode: mode, body)
        FaultPoint.reached("replace.before-rename")
        try move(temporary, to: path)
        _ = consume file
        FaultPoint.reached("replace.after-rename")
        try syncFolder(path.removingLastComponent())
    }

    /// Creates a file that must not exist yet, and flushes it. At no moment has it more permissions than `mode`, and
    /// these hold whatever the process's umask is.
    ///
    /// - Throws: `SystemError`; `EEXIST` when there is such a file or link. Nothing is left behind on failure.
    public static func create(_ path: FilePath, bytes: [UInt8], mode: mode_t) throws(SystemError) {
        _ = try writeNew(path, mode: mode) { (file: borrowing Descriptor) throws(SystemError) in try file.write(bytes) }
        do throws(SystemError) { try syncFolder(path.removingLastComponent()) } catch {
            unlink(path.string)
            throw error
        }
    }

    private static func writeNew(
        _ path: FilePath, mode: mode_t, _ body: (borrowing Descriptor) throws(SystemError) -> Void
    ) throws(SystemError) -> Descriptor {
        let file = try Descriptor(opening: path.string, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
        // Where files cannot be locked, no other process can lock and remove it either.
        _ = flock(file.raw, LOCK_EX | LOCK_NB)
        do throws(SystemError) {
            try retrying("set the permissions of", path.string) { fchmod(file.raw, mode) }
            try body(file)
            try file.sync()
        } catch {
            unlink(path.string)
            throw error
        }
        return file
    }

    /// A name for what will be moved to `path`; for it, `isTemporary` holds.
    ///
    /// Random, because neither threads nor processes in other namespaces may meet in one temporary file.
    public static func temporaryName(beside path: FilePath) -> FilePath {
        let name = String(UInt64.random(in: .min ... .max), radix: 16)
        return path.removingLastComponent().appending(".hostctl-\(name).tmp")
    }

    /// Whether a file of this name is one that is to be moved to another name, or what a crash has left of that.
    public static func isTemporary(_ name: String) -> Bool { name.hasPrefix(".hostctl-") && name.hasSuffix(".tmp") }

    /// Whether a temporary file was left by a process that is gone: nobody holds its lock.
    public static func isAbandoned(_ path: FilePath) -> Bool {
        do throws(SystemError) {
            let file = try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            return flock(file.raw, LOCK_EX | LOCK_NB) == 0
        } catch {
            // A link that was to be moved; nothing can be locked there.
            return error.code == .tooManySymbolicLinkLevels
        }
    }

    /// Makes a symbolic link where nothing is.
    ///
    /// - Throws: `SystemError`.
    public static func makeLink(_ path: FilePath, target: String) throws(SystemError) {
        try retrying("make the link", path.string) { symlink(target, path.string) }
    }

    /// Moves a temporary file or link to its place, durably.
    ///
    /// - Throws: `SystemError`; the temporary one is removed then.
    public static func move(_ temporary: FilePath, over path: FilePath) throws(SystemError) {
        try move(temporary, to: path)
        try syncFolder(path.removingLastComponent())
    }

    private static func move(_ temporary: FilePath, to path: FilePath) throws(SystemError) {
        if rename(temporary.string, path.string) == 0 { return }
        let failure = SystemError("replace", path.string)
        unlink(temporary.string)
        throw failure
    }

    /// Makes renames and new names in a folder durable.
    ///
    /// - Throws: `SystemError`.
    public static func syncFolder(_ path: FilePath) throws(SystemError) {
        try Descriptor(opening: path.isEmpty ? "." : path.string, flags: O_RDONLY | O_DIRECTORY).sync()
    }

    /// Makes a folder and the missing ones above it; an existing folder is fine and keeps its permissions.
    ///
    /// What is new has exactly `mode`, whatever the process's umask is: a web server or another user may have to read it.
    /// - Throws: `SystemError`.
    public static func makeFolder(_ path: FilePath, mode: mode_t = 0o755) throws(SystemError) {
        if mkdir(path.string, mode) == 0 {
            try retrying("set the permissions of", path.string) { chmod(path.string, mode) }
            return
        }
        let code = Errno(rawValue: errno)
        if code == .noSuchFileOrDirectory, path.components.count > 1 {
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
        var isMalformed = false
        let names = try textNames(in: path) { _ in isMalformed = true }
        if isMalformed { throw SystemError("read a name in", path.string, code: .illegalByteSequence) }
        return names
    }

    /// The same, with the names that are not UTF-8 handed to `malformed` and left out.
    ///
    /// - Throws: `SystemError`, what `malformed` throws.
    public static func names(
        in path: FilePath, malformed: ([UInt8]) throws -> Void
    ) throws -> [String] {
        var others: [[UInt8]] = []
        let names = try textNames(in: path) { others.append($0) }
        for name in others { try malformed(name) }
        return names
    }

    private static func textNames(
        in path: FilePath, malformed: ([UInt8]) -> Void
    ) throws(SystemError) -> [String] {
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY)
        var names: [String] = []
        for bytes in try rawNames(in: folder) {
            if let name = String(validating: bytes.dropLast(), as: UTF8.self) {
                names.append(name)
            } else {
                malformed(bytes.dropLast().map { UInt8(bitPattern: $0) })
            }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The names in an open folder with their closing NUL, in no order, without `.` and `..`.
    static func rawNames(in folder: borrowing Descriptor) throws(SystemError) -> [[CChar]] {
        var names: [[CChar]] = []
        try forEachName(in: folder) { name in
            names.append(name.map { CChar(bitPattern: $0) } + [0])
        }
        return names
    }

    /// Calls `body` for each name in an open folder, as bytes that a NUL follows, in no order, without `.` and `..`.
    ///
    /// Names may be removed meanwhile.
    /// - Throws: `SystemError`.
    public static func forEachName(
        in folder: borrowing Descriptor, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(SystemError) {
        // Opened anew, because a stream closes its descriptor; relative to it, because the path may be another's by now.
        let copy = try retrying("list", folder.path) {
            hostctl_openat(folder.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        }
        guard let stream = fdopendir(copy) else {
            let failure = SystemError("list", folder.path)
            close(copy)
            throw failure
        }
        defer { closedir(stream) }
        while let name = hostctl_next_name(.init(stream)) {
            if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { continue }
            body(UnsafeRawBufferPointer(start: name, count: strlen(name)))
        }
        if errno != 0 { throw SystemError("list", folder.path) }
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

    /// The target of a symbolic link, or `nil` when the path is no link or its target is not UTF-8.
    public static func linkTarget(_ path: FilePath) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        while true {
            let count = buffer.count
            let length = readlink(path.string, &buffer, count)
            if length < 0 { return nil }
            if length < count { return String(validating: buffer[..<length], as: UTF8.self) }
            buffer = [CChar](repeating: 0, count: 2 * count)
        }
    }

    /// Removes one name; a missing one is fine.
    ///
    /// - Throws: `SystemError`.
    public static func remove(_ path: FilePath) throws(SystemError) {
        if unlink(path.string) != 0, errno != ENOENT { throw SystemError("remove", path.string) }
    }
}
