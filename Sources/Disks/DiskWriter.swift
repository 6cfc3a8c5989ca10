import CLinux
import Glibc
import LinuxSystem
public import SystemPackage

/// File systems that a root can have.
public enum RootFileSystem: String, Sendable, CaseIterable {
    case ext4, btrfs, xfs

    /// The program that makes it.
    fileprivate func command(_ device: FilePath, label: String) -> [String] {
        switch self {
        // With verity, so that objects can be sealed later.
        case .ext4: ["mkfs.ext4", "-q", "-F", "-O", "verity", "-L", label, device.string]
        case .btrfs: ["mkfs.btrfs", "-q", "-f", "-L", label, device.string]
        case .xfs: ["mkfs.xfs", "-q", "-f", "-L", label, device.string]
        }
    }

    /// The tools that are needed beside those of every disk.
    fileprivate var tool: String { "mkfs.\(rawValue)" }
}

/// The boot partition's file system: FAT32, which all firmware reads.
enum BootFileSystem {
    /// The program that makes it, with the disk's sectors: Linux refuses to mount a FAT with smaller ones.
    static func command(_ device: FilePath, sector: Int64) -> [String] {
        // Of one sector, so that a small partition has as many clusters as FAT32 must have.
        let large = sector > 512 ? ["-S", "\(sector)", "-s", "1"] : []
        return ["mkfs.vfat", "-F", "32"] + large + ["-n", "ESP", device.string]
    }

    /// What it needs at least, in bytes: FAT32 has 65,525 clusters, and firmware may take what has fewer for FAT16.
    static func leastSize(sector: Int64) -> Int64 {
        let clusters: Int64 = 65_525
        // Two tables with 4 bytes for each, and what is reserved before them.
        let tables = 2 * (4 * clusters / sector + 1) + 64
        let unit: Int64 = 1 << 20
        return ((clusters + tables) * sector + unit - 1) / unit * unit
    }
}

/// Writes a host's disk. The partition table comes last: a disk without one boots nowhere and looks empty, so that
/// whatever ends the work early leaves nothing that looks whole.
public struct DiskWriter {
    let target: DiskTarget
    let layout: DiskLayout
    let fileSystem: RootFileSystem

    public init(_ target: DiskTarget, layout: DiskLayout, fileSystem: RootFileSystem) {
        self.target = target
        self.layout = layout
        self.fileSystem = fileSystem
    }

    /// Checks that every tool is there.
    ///
    /// - Throws: `DiskError.missingTool`.
    public static func requireTools(_ fileSystem: RootFileSystem, for target: DiskTarget) throws(DiskError) {
        for name in ["sfdisk", "losetup", "mkfs.vfat", "mcopy", "fsck.vfat", fileSystem.tool] {
            _ = try Tool.find(name)
        }
        if target.isQCOW2 { _ = try Tool.find("qemu-img") }
    }

    /// Makes the file systems, mounts the root for `body`, copies what `body` has put into the root's folder
    /// `boot/efi` onto the boot partition, and writes the partition table.
    ///
    /// The calling thread gets a mount namespace of its own for the rest of its life.
    /// - Parameter body: is given the root's folder; the boot partition's is `boot/efi` in it, and on the root for now,
    ///   so that a kernel without FAT can do it too.
    /// - Throws: `DiskError`, `SystemError`, what `body` throws; nothing looks whole then.
    public func write<Result>(_ body: (FilePath) throws -> Result) throws -> Result {
        try retrying("make", "a mount namespace") { hostctl_private_mounts() }
        try target.begin()
        if let data = layout.data {
            let device = try LoopDevice(data, of: target.writing, sector: target.sector)
            try Tool.run(fileSystem.command(device.path, label: "data"))
            device.detach()
        }
        let device = try LoopDevice(layout.root, of: target.writing, sector: target.sector)
        FaultPoint.reached("disk.after-attach")
        try Tool.run(fileSystem.command(device.path, label: "root"))
        FaultPoint.reached("disk.after-file-system")
        let folder = try Self.temporaryFolder()
        defer { rmdir(folder.string) }
        try retrying("mount", device.path.string) {
            hostctl_mount(device.path.string, folder.string, fileSystem.rawValue, UInt(MS_NOATIME))
        }
        var isMounted = true
        defer { if isMounted { _ = hostctl_unmount(folder.string) } }
        device.detach()
        let staged = folder.appending("boot/efi")
        try Files.makeFolder(staged)
        let result = try body(folder)
        FaultPoint.reached("disk.after-sysroot")
        try fillBootPartition(from: staged)
        for name in try Files.names(in: staged) { try Files.removeTree(staged.appending(name)) }
        try Descriptor(opening: folder.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
        try retrying("unmount", folder.string) { hostctl_unmount(folder.string) }
        isMounted = false
        try target.finish(layout)
        return result
    }

    private func fillBootPartition(from staged: FilePath) throws {
        let device = try LoopDevice(layout.boot, of: target.writing, sector: target.sector)
        try Tool.run(BootFileSystem.command(device.path, sector: target.sector))
        let names = try Files.names(in: staged).map { staged.appending($0).string }
        try Tool.run(["mcopy", "-s", "-i", device.path.string] + names + ["::/"])
        try Tool.run(["fsck.vfat", "-n", device.path.string])
        device.detach()
        FaultPoint.reached("disk.after-boot-partition")
    }

    private static func temporaryFolder() throws(SystemError) -> FilePath {
        var template = Array("/tmp/hostctl-disk.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("make a folder in", "/tmp") }
        return FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
