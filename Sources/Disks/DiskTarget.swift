import CLinux
import Glibc
import LinuxSystem
public import SystemPackage

/// The device or file that becomes a host's disk, checked before anything is written to it.
public final class DiskTarget {
    /// As the operator named it.
    public let path: FilePath
    /// What is written: the device, or a file beside `path` that gets its name when it is whole.
    public let writing: FilePath
    /// In bytes.
    public let size: Int64
    /// The sectors of the device, in bytes; 512 for a file.
    let sector: Int64
    /// Whether it is a device.
    public let isDevice: Bool
    /// Keeps others from mounting a device while it is written.
    private var claim: Descriptor?
    private var isFinished = false

    /// What a new file has unless somebody says otherwise: 4 GiB, of which only what is written takes room.
    public static let defaultSize: Int64 = 4 << 30

    /// What its boot partition must have at least, in bytes: 33 MiB, and 257 MiB on a disk with sectors of 4096 bytes.
    public var leastBootSize: Int64 { BootFileSystem.leastSize(sector: sector) }

    /// Looks at the device or file; nothing is written.
    ///
    /// - Parameters:
    ///   - size: of a new file, in bytes.
    ///   - wipe: whether data on it may be overwritten. What is in use is refused all the same.
    /// - Throws: `DiskError`, `SystemError`.
    public init(_ path: FilePath, size: Int64?, wipe: Bool) throws {
        guard geteuid() == 0 else { throw DiskError.needsRoot }
        self.path = path
        var status = stat()
        let exists = stat(path.string, &status) == 0
        switch exists ? status.st_mode & S_IFMT : S_IFREG {
        case S_IFBLK:
            if size != nil { throw DiskError.sizeOfDevice(path: path.string) }
            let file = try Self.claimed(path)
            (self.size, sector) = try Self.geometry(file)
            if !wipe, try Self.holdsData(path) { throw DiskError.holdsData(path: path.string) }
            (writing, isDevice) = (path, true)
            claim = consume file
        case S_IFREG:
            if exists, status.st_size > 0, !wipe { throw DiskError.holdsData(path: path.string) }
            if exists, try Self.isAttached(path) { throw DiskError.inUse(path: path.string) }
            guard Files.isFolder(path.removingLastComponent()) || path.components.count == 1 else {
                throw SystemError("write to", path.removingLastComponent().string, code: .noSuchFileOrDirectory)
            }
            self.size =
                size ?? (exists && !Self.isQCOW2(path) && status.st_size > 0 ? Int64(status.st_size) : Self.defaultSize)
            (sector, isDevice) = (512, false)
            writing = Files.temporaryName(beside: path)
        default: throw DiskError.notADisk(path: path.string)
        }
    }

    deinit { if !isDevice, !isFinished { unlink(writing.string) } }

    /// Opened so that nobody else can mount it; who has mounted it keeps us out.
    private static func claimed(_ path: FilePath) throws -> Descriptor {
        do throws(SystemError) {
            return try Descriptor(opening: path.string, flags: O_RDWR | O_EXCL)
        } catch {
            switch error.code {
            case .readOnlyFileSystem, .permissionDenied, .notPermitted: throw DiskError.readOnly(path: path.string)
            case .resourceBusy: throw DiskError.inUse(path: path.string)
            default: throw error
            }
        }
    }

    private static func geometry(_ file: borrowing Descriptor) throws -> (size: Int64, sector: Int64) {
        var size: UInt64 = 0, sector: Int32 = 0, readOnly: Int32 = 0
        try retrying("examine", file.path) { hostctl_device_geometry(file.raw, &size, &sector, &readOnly) }
        if readOnly != 0 { throw DiskError.readOnly(path: file.path) }
        return (Int64(size), Int64(sector))
    }

    /// Whether there is a partition table or a file system.
    private static func holdsData(_ path: FilePath) throws -> Bool {
        try !Tool.run(["wipefs", "--no-act", "--parsable", "--noheadings", path.string]).isEmpty
    }

    /// Whether a loop device has the file.
    private static func isAttached(_ path: FilePath) throws -> Bool {
        try !Tool.run(["losetup", "--associated", path.string]).isEmpty
    }

    private static func isQCOW2(_ path: FilePath) -> Bool { path.extension == "qcow2" }

    /// Whether the file is to be in QEMU's own form.
    var isQCOW2: Bool { !isDevice && Self.isQCOW2(path) }

    // MARK: writing

    /// Makes a device look empty, or a file of the right size: from here on nothing looks whole until `finish`.
    ///
    /// - Throws: `SystemError`.
    func begin() throws {
        if !isDevice {
            let file = try Descriptor(opening: writing.string, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
            try retrying("resize", writing.string) { ftruncate(file.raw, off_t(size)) }
            return
        }
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        let file = try Descriptor(opening: writing.string, flags: O_RDWR)
        for start in [0, max(0, size - Int64(zeros.count))] {
            try retrying("seek in", writing.string) { lseek(file.raw, off_t(start), SEEK_SET) }
            try file.write(zeros)
        }
        try file.sync()
        FaultPoint.reached("disk.after-wipe")
    }

    /// Writes the partition table, which makes the disk whole; a file gets its name.
    ///
    /// - Throws: `DiskError`, `SystemError`.
    func finish(_ layout: DiskLayout) throws {
        let file = try Descriptor(opening: writing.string, flags: O_RDWR)
        try file.sync()
        FaultPoint.reached("disk.before-table")
        // The boot code of the first 440 bytes, which sfdisk may clear.
        let bootCode = try file.read(exactly: 440)
        try Tool.run(
            [
                "sfdisk", "--quiet", "--force", "--no-reread", "--no-tell-kernel", "--wipe", "never",
                "--wipe-partitions",
                "never", writing.string,
            ], input: layout.script(sector: sector))
        try retrying("seek in", writing.string) { lseek(file.raw, 0, SEEK_SET) }
        try file.write(bootCode)
        try file.sync()
        FaultPoint.reached("disk.after-table")
        if isDevice {
            claim = nil
            // A disk that is looked at just now is read when it is plugged in next.
            _ = hostctl_reread_partitions(file.raw)
        } else {
            try nameFile()
        }
        isFinished = true
    }

    private func nameFile() throws {
        var whole = writing
        if isQCOW2 {
            whole = Files.temporaryName(beside: path)
            defer { unlink(writing.string) }
            try Tool.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", writing.string, whole.string])
            try Descriptor(opening: whole.string, flags: O_RDWR).sync()
        }
        FaultPoint.reached("disk.before-name")
        try retrying("rename to", path.string) { rename(whole.string, path.string) }
        try Files.syncFolder(
            path.removingLastComponent().components.isEmpty && !path.isAbsolute ? "." : path.removingLastComponent())
    }
}
