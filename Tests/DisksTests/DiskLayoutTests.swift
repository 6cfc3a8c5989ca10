import SystemPackage
import TestSupport
import Testing

@testable import Disks

@Suite("partitions") struct DiskLayoutTests {
    private let gigabyte: Int64 = 1 << 30

    private func layout(_ size: Int64, root: Int64? = nil, needed: Int64 = 1 << 29) throws -> DiskLayout {
        try DiskLayout(
            size: size, bootSize: 256 << 20, rootSize: root, needed: needed, architecture: "x86_64", path: "disk")
    }

    @Test(
        "partitions follow one another on borders of 1 MiB and leave room for both tables", arguments: [nil, 1 << 30])
    func borders(root: Int64?) throws {
        let size = 4 * gigabyte + 12345
        let layout = try layout(size, root: root)
        let partitions = [layout.bios, layout.boot, layout.root] + (layout.data.map { [$0] } ?? [])
        var end: Int64 = 1 << 20
        for partition in partitions {
            #expect(partition.start == end)
            #expect(partition.size > 0 && partition.size % (1 << 20) == 0)
            end = partition.start + partition.size
        }
        #expect(end <= size - (1 << 20))
        #expect(Set(partitions.map(\.identifier)).count == partitions.count)
    }

    @Test("a disk that is too small says what is needed, before anything is written")
    func tooSmall() throws {
        let error = #expect(throws: DiskError.self) { try layout(gigabyte, needed: 2 * gigabyte) }
        guard case .tooSmall("disk", gigabyte, let needed)? = error else { throw error ?? .needsRoot }
        #expect(try layout(needed, needed: 2 * gigabyte).root.size >= 2 * gigabyte)
        #expect(throws: DiskError.self) { try layout(needed - 1, needed: 2 * gigabyte) }
    }
}

@Suite("the boot partition's file system") struct BootFileSystemTests {
    @Test("FAT has the disk's sectors, and enough clusters for FAT32 at its smallest", arguments: [512, 2048, 4096])
    func clusters(sector: Int64) throws {
        let command = BootFileSystem.command("/dev/loop0", sector: sector)
        #expect(command.first == "mkfs.vfat" && command.last == "/dev/loop0")
        #expect(command.contains("-S") == (sector > 512))
        let folder = try TemporaryFolder()
        let file = folder.path.appending("fat.img").string
        let size = BootFileSystem.leastSize(sector: sector)
        try #require(try run(["/usr/bin/truncate", "-s", "\(size)", file]).status == 0)
        let made = try run(["/usr/sbin/mkfs.vfat"] + command.dropFirst().dropLast() + [file])
        #expect(made.status == 0 && !made.errorText.contains("WARNING"), "\(made.errorText)")
        let check = try run(["/usr/sbin/fsck.vfat", "-n", "-v", file])
        #expect(check.status == 0 && check.text.contains("\(sector) bytes per logical sector"), "\(check.text)")
        #expect(check.text.contains("32 bit entries"))
    }
}

@Suite("file systems of a release's kernel") struct FileSystemDriverTests {
    @Test("one that the kernel has neither built in nor as a module is refused")
    func driver() throws {
        let folder = try TemporaryFolder()
        // No lists: nothing is known.
        try RootFileSystem.xfs.requireDriver(in: folder.path)
        try folder.write("usr/lib/modules/6.1/modules.builtin", text: "kernel/fs/ext4/ext4.ko\n")
        try folder.write(
            "usr/lib/modules/6.1/modules.dep", text: "kernel/fs/btrfs/btrfs.ko.xz: kernel/lib/fs/xfs/xfs.ko\n")
        try RootFileSystem.ext4.requireDriver(in: folder.path)
        try RootFileSystem.btrfs.requireDriver(in: folder.path)
        #expect(throws: DiskError.unsupportedFileSystem("xfs", kernel: "6.1")) {
            try RootFileSystem.xfs.requireDriver(in: folder.path)
        }
    }
}
