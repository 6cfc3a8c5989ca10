import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The only ways in which files on the partition are changed.
extension BootPartition {
    /// Adds a file under a name that is free: temporary name, flush, read back, rename, flush of the file and the folder.
    ///
    /// The file is flushed again because Linux puts the first cluster and the size into a FAT name only when it writes
    /// the inode: a folder that is flushed alone after a rename has a file of 0 bytes on the disk.
    /// - Throws: `SystemError`, `EEXIST` when the name is taken; `BootLoaderError.damagedWrite`. Nothing has the name
    ///   then.
    func add(_ path: FilePath, _ bytes: [UInt8]) throws {
        try add(path, expecting: bytes.count) { file in
            try file.write(bytes)
        } compare: { offset, chunk in
            offset + chunk.count <= bytes.count && chunk.elementsEqual(bytes[offset..<offset + chunk.count])
        }
    }

    /// Adds a copy of a file, compared with it when it is read back; see `add(_:_:)`.
    func addCopy(_ path: FilePath, of source: FilePath) throws {
        let original = try Descriptor(opening: source.string)
        let size = Int(try original.status().st_size)
        try add(path, expecting: size) { file in
            try Self.forEachChunk(of: original) { _, chunk in
                try file.write(chunk)
                return true
            }
        } compare: { offset, chunk in
            try Self.matches(original, at: offset, chunk)
        }
    }

    private func add(
        _ path: FilePath, expecting size: Int, _ body: (borrowing Descriptor) throws -> Void,
        compare: (Int, UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        if Files.exists(path) { throw SystemError("add", path.string, code: .fileExists) }
        let temporary = Files.temporaryName(beside: path)
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
        let file = try Descriptor(opening: temporary.string, flags: flags, mode: 0o600)
        // Held while the temporary file is on its way, so that a cleanup can tell; where there are no locks, so be it.
        _ = flock(file.raw, LOCK_EX | LOCK_NB)
        do {
            try body(file)
            FaultPoint.reached("boot.before-file-flush")
            try file.sync()
            FaultPoint.reached("boot.after-file-flush")
            guard try Self.readsBack(file, size, compare) else { throw BootLoaderError.damagedWrite(path.string) }
            FaultPoint.reached("boot.before-file-rename")
            try Self.rename(temporary, toNew: path)
        } catch {
            unlink(temporary.string)
            throw error
        }
        FaultPoint.reached("boot.after-file-rename")
        try file.sync()
        FaultPoint.reached("boot.after-name-flush")
        try Files.syncFolder(path.removingLastComponent())
        FaultPoint.reached("boot.after-folder-flush")
    }

    /// Renames to a name that is free, and never over another.
    ///
    /// - Throws: `SystemError`, `EEXIST` when the name is taken.
    static func rename(_ old: FilePath, toNew new: FilePath) throws(SystemError) {
        if hostctl_renameat2(AT_FDCWD, old.string, AT_FDCWD, new.string, HOSTCTL_RENAME_NOREPLACE) == 0 { return }
        // FAT in user space cannot promise it; whoever changes the partition holds the sysroot's lock, so looking is enough.
        guard errno == EINVAL, !Files.exists(new) else { throw SystemError("rename to", new.string) }
        try retrying("rename to", new.string) { Glibc.rename(old.string, new.string) }
    }

    /// Renames within one folder to a name that is free, durably.
    func move(_ old: FilePath, toNew new: FilePath) throws(SystemError) {
        let file = try Descriptor(opening: old.string, flags: O_RDONLY | O_NOFOLLOW)
        FaultPoint.reached("boot.before-rename")
        try Self.rename(old, toNew: new)
        FaultPoint.reached("boot.after-rename")
        try file.sync()
        FaultPoint.reached("boot.after-rename-file-flush")
        try Files.syncFolder(new.removingLastComponent())
        FaultPoint.reached("boot.after-rename-flush")
    }

    /// Exchanges what two names of one folder lead to, durably: one flush of the whole partition, as between two flushes
    /// both names would lead to one content.
    ///
    /// - Throws: `SystemError`, also where the file system cannot: Linux's FAT can since 6.0.
    func exchange(_ one: FilePath, _ other: FilePath) throws(SystemError) {
        FaultPoint.reached("boot.before-exchange")
        try retrying("exchange", other.string) {
            hostctl_renameat2(AT_FDCWD, one.string, AT_FDCWD, other.string, HOSTCTL_RENAME_EXCHANGE)
        }
        FaultPoint.reached("boot.after-exchange")
        try flush()
        FaultPoint.reached("boot.after-exchange-flush")
    }

    /// Removes a name, durably; a missing one is fine.
    func remove(_ path: FilePath) throws(SystemError) {
        FaultPoint.reached("boot.before-removal")
        try Files.remove(path)
        FaultPoint.reached("boot.after-removal")
        try Files.syncFolder(path.removingLastComponent())
        FaultPoint.reached("boot.after-removal-flush")
    }

    /// Makes a folder and the missing ones above it up to the partition's root, each durable in the one above.
    func makeFolder(_ path: FilePath) throws(SystemError) {
        if Files.isFolder(path) { return }
        let above = path.removingLastComponent()
        if path != root, above != root { try makeFolder(above) }
        try Files.makeFolder(path, mode: 0o700)
        try Files.syncFolder(above)
        FaultPoint.reached("boot.after-folder-made")
    }

    // MARK: reading back

    /// Whether the file on the disk, not the one in memory, has `size` bytes that `compare` finds right.
    static func readsBack(
        _ file: borrowing Descriptor, _ size: Int, _ compare: (Int, UnsafeRawBufferPointer) throws -> Bool
    ) throws -> Bool {
        dropCache(of: file)
        var seen = 0
        let isRight = try forEachChunk(of: file) { offset, chunk in
            seen += chunk.count
            return try compare(offset, chunk)
        }
        return isRight && seen == size
    }

    /// Makes the next read go to the disk; clean pages alone are dropped, so the file has to be flushed before.
    static func dropCache(of file: borrowing Descriptor) { posix_fadvise(file.raw, 0, 0, POSIX_FADV_DONTNEED) }

    /// Whether `file` has these bytes at `offset`.
    static func matches(
        _ file: borrowing Descriptor, at offset: Int, _ chunk: UnsafeRawBufferPointer
    ) throws(SystemError) -> Bool {
        var bytes = [UInt8](repeating: 0, count: chunk.count)
        var done = 0
        while done < chunk.count {
            let start = done
            let count = try retrying("read", file.path) {
                bytes.withUnsafeMutableBytes {
                    pread(file.raw, $0.baseAddress.map { $0 + start }, chunk.count - start, off_t(offset + start))
                }
            }
            if count == 0 { return false }
            done += count
        }
        return bytes.withUnsafeBytes { $0.elementsEqual(chunk) }
    }

    /// Calls `body` with the file's content from its beginning, until it says no.
    ///
    /// - Returns: whether it never said no.
    @discardableResult
    static func forEachChunk(
        of file: borrowing Descriptor, _ body: (Int, UnsafeRawBufferPointer) throws -> Bool
    ) throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while true {
            let start = offset
            let count = try retrying("read", file.path) {
                buffer.withUnsafeMutableBytes { pread(file.raw, $0.baseAddress, $0.count, off_t(start)) }
            }
            if count == 0 { return true }
            let isWanted = try buffer.withUnsafeBytes {
                try body(start, UnsafeRawBufferPointer(rebasing: $0[..<count]))
            }
            if !isWanted { return false }
            offset += count
        }
    }
}
