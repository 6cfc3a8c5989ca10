import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport

/// An ext4 file system in a file, mounted with a loop device: one that can be filled, and whose power can be cut.
final class SmallDisk {
    private var image: FilePath
    /// Where it is mounted.
    let place: FilePath
    private var isMounted = false
    static let block = 4096

    /// Makes and mounts a file system.
    ///
    /// - Parameters:
    ///   - image: the file, made here.
    ///   - place: where it is mounted; made when it is missing.
    ///   - size: bytes.
    ///   - files: how many files it can hold at most.
    init(_ image: FilePath, at place: FilePath, size: Int, files: Int? = nil) throws {
        self.image = image
        self.place = place
        try Self.tool(["/usr/bin/truncate", "-s", String(size), image.string])
        try Self.tool(
            ["/sbin/mkfs.ext4", "-q", "-F", "-m", "0", "-b", String(Self.block)]
                + (files.map { ["-N", String($0)] } ?? []) + [image.string])
        try mount()
    }

    /// Mounts a copy of a file system that is not mounted.
    init(copying other: SmallDisk, _ image: FilePath, at place: FilePath) throws {
        self.image = image
        self.place = place
        try Self.tool(["/bin/cp", "--sparse=always", other.image.string, image.string])
        try mount()
    }

    deinit {
        do { try unmount() } catch { print("the small disk stays: \(error)") }
    }

    func mount() throws {
        try Files.makeFolder(place)
        try Self.tool(["/bin/mount", "-o", "loop", image.string, place.string])
        isMounted = true
    }

    /// Writes everything to the disk, which may not happen at the end of a mount that others hold, too.
    func flush() throws { try Descriptor(opening: place.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem() }

    /// A process that was just killed may still hold files open for a moment.
    func unmount() throws {
        guard isMounted else { return }
        var result: ProcessResult?
        _ = waitUntil(timeout: 10) {
            do { result = try run(["/bin/umount", place.string]) } catch { return false }
            return result?.status == 0
        }
        guard result?.status == 0 else { throw CommandFailed(command: "umount", errors: result?.errorText ?? "") }
        isMounted = false
    }

    /// Stops all writing to the disk at once, without a last flush: what was not on it is lost, and the journal is
    /// replayed by the next mount.
    func cutPower() throws {
        let folder = try Descriptor(opening: place.string, flags: O_RDONLY | O_DIRECTORY)
        var withoutFlush: UInt32 = 2  // EXT4_GOING_FLAGS_NOLOGFLUSH
        try retrying("shut down", place.string) { ioctl(folder.raw, 0x8004_587d, &withoutFlush) }
    }

    /// Brings the power back: mounts what is on the disk.
    ///
    /// A copy of it, because another process's mount namespace may hold the old mount, with all its unwritten pages.
    func restart() throws {
        try unmount()
        let copy = image.removingLastComponent().appending("\(image.lastComponent?.string ?? "")+")
        try Self.tool(["/bin/cp", "--sparse=always", image.string, copy.string])
        image = copy
        try mount()
    }

    /// Makes it read-only in the way that the kernel does after an error.
    func breakDown() throws { try Self.tool(["/bin/mount", "-o", "remount,abort", place.string]) }

    // MARK: space

    private var ballast: FilePath { place.appending("ballast") }

    /// Free blocks.
    var free: Int {
        get throws { try Int(FileSystemSpace(at: place).bytes) / Self.block }
    }

    /// Uses up everything but `blocks` blocks.
    func fill(leaving blocks: Int) throws {
        let file = try Descriptor(opening: ballast.string, flags: O_RDWR | O_CREAT, mode: 0o600)
        try file.syncFileSystem()
        for _ in 0..<64 {
            let (free, size) = (try free, Int(try file.status().st_size))
            if free == blocks { break }
            if free > blocks {
                posix_fallocate(file.raw, off_t(size), off_t((free - blocks) * Self.block))
            } else {
                try retrying("shorten", ballast.string) {
                    ftruncate(file.raw, off_t(max(0, size - (blocks - free) * Self.block)))
                }
            }
        }
        try file.syncFileSystem()
    }

    /// Uses up everything but room for `count` files.
    func fillFiles(leaving count: Int) throws {
        let folder = place.appending("ballast.d")
        try Files.makeFolder(folder)
        let free = Int(try FileSystemSpace(at: place).files)
        for number in 0..<max(0, free - count) {
            _ = try Descriptor(opening: "\(folder)/\(number)", flags: O_WRONLY | O_CREAT, mode: 0o600)
        }
    }

    /// Gives back what was used up.
    func empty() throws {
        try Files.remove(ballast)
        try Files.removeTree(place.appending("ballast.d"))
        try flush()
    }

    private static func tool(_ command: [String]) throws {
        let result = try run(command)
        guard result.status == 0 else { throw CommandFailed(command: command[0], errors: result.errorText) }
    }
}
