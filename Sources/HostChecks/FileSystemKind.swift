import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// What kind of file system holds a path, and how it is mounted.
struct FileSystemKind {
    /// As `mount` names it; a hexadecimal number for one that is not known here.
    let name: String
    /// Whether it is mounted read-only.
    let isReadOnly: Bool
    /// The device number, equal for paths on one file system.
    let device: dev_t

    /// - Throws: `SystemError`.
    init(of path: FilePath) throws(SystemError) {
        var magic: UInt32 = 0
        try retrying("examine the file system of", path.string) { hostctl_file_system_type(path.string, &magic) }
        name = Self.names[magic] ?? "0x\(String(magic, radix: 16))"
        var space = statvfs()
        try retrying("examine the file system of", path.string) { statvfs(path.string, &space) }
        isReadOnly = space.f_flag & UInt(ST_RDONLY) != 0
        device = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY).status().st_dev
    }

    /// FAT holds neither the link that `/boot/loader` is nor owners.
    var isFAT: Bool { name == "vfat" || name == "exfat" }
    /// What loses its store with its network.
    var isRemote: Bool { ["nfs", "cifs", "9p", "fuse"].contains(name) }

    /// Source: linux/magic.h and the file systems' own headers.
    private static let names: [UInt32: String] = [
        0xEF53: "ext4", 0x5846_5342: "xfs", 0x9123_683E: "btrfs", 0x0102_1994: "tmpfs", 0x794C_7630: "overlay",
        0x4D44: "vfat", 0x2011_BAB0: "exfat", 0x6969: "nfs", 0xFF53_4D42: "cifs", 0xFE53_4D42: "cifs",
        0x0102_1997: "9p", 0x6573_5546: "fuse", 0xF2F5_2010: "f2fs", 0x2FC1_2FC1: "zfs", 0xCA45_1A4E: "bcachefs",
        0x7371_7368: "squashfs", 0xE0F5_E1E2: "erofs",
    ]
}
