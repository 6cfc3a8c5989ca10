import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Disks

/// A loop device for one test.
private final class Loop {
    let path: FilePath

    init(_ file: FilePath, _ options: [String] = []) throws {
        let result = try run(["/sbin/losetup", "--find", "--show"] + options + [file.string])
        guard result.status == 0 else { throw SystemError("attach", file.string, code: .noSuchFileOrDirectory) }
        path = FilePath(String(result.text.prefix { $0 != "\n" }))
    }

    deinit { _ = try? run(["/sbin/losetup", "--detach", path.string]) }  // Nobody is left to tell.
}

@Suite("disks to write", .enabled(if: geteuid() == 0, "needs root"), .serialized) struct DiskTargetTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func image(_ name: String = "disk.raw", size: Int64 = 64 << 20) throws -> FilePath {
        let path = folder.path.appending(name)
        let file = try Descriptor(opening: path.string, flags: O_RDWR | O_CREAT, mode: 0o600)
        try retrying("resize", path.string) { ftruncate(file.raw, off_t(size)) }
        return path
    }

    @Test("a folder and a character device are no disks", arguments: ["/tmp", "/dev/null"])
    func notADisk(path: FilePath) {
        #expect(throws: DiskError.notADisk(path: path.string)) { try DiskTarget(path, size: nil, wipe: true) }
    }

    @Test("a file with something in it is only overwritten when asked for")
    func file() throws {
        let path = try image()
        #expect(throws: DiskError.holdsData(path: path.string)) { try DiskTarget(path, size: nil, wipe: false) }
        #expect(try DiskTarget(path, size: nil, wipe: true).size == 64 << 20)
        #expect(try DiskTarget(folder.path.appending("new"), size: nil, wipe: false).size == DiskTarget.defaultSize)
    }

    @Test("a file that a loop device has is refused even so")
    func attached() throws {
        let path = try image()
        let loop = try Loop(path)
        #expect(throws: DiskError.inUse(path: path.string)) { try DiskTarget(path, size: nil, wipe: true) }
        withExtendedLifetime(loop) {}
    }

    @Test("a device that can only be read is refused")
    func readOnly() throws {
        let loop = try Loop(try image(), ["--read-only"])
        #expect(throws: DiskError.readOnly(path: loop.path.string)) { try DiskTarget(loop.path, size: nil, wipe: true) }
    }

    @Test("a device with a file system is refused, and a mounted one even with --wipe")
    func mounted() throws {
        let loop = try Loop(try image())
        #expect(try DiskTarget(loop.path, size: nil, wipe: false).isDevice)
        #expect(throws: DiskError.sizeOfDevice(path: loop.path.string)) {
            try DiskTarget(loop.path, size: 1 << 30, wipe: false)
        }
        #expect(try run(["/sbin/mkfs.ext4", "-q", loop.path.string]).status == 0)
        #expect(throws: DiskError.holdsData(path: loop.path.string)) {
            try DiskTarget(loop.path, size: nil, wipe: false)
        }
        try folder.write("mount/x", text: "")
        let place = folder.path.appending("mount").string
        #expect(try run(["/bin/mount", loop.path.string, place]).status == 0)
        #expect(throws: DiskError.inUse(path: loop.path.string)) { try DiskTarget(loop.path, size: nil, wipe: true) }
        #expect(try run(["/bin/umount", place]).status == 0)
        #expect(try DiskTarget(loop.path, size: nil, wipe: true).isDevice)
    }

    @Test(
        "a file gets its name when it is whole, and an attempt that ends early leaves nothing",
        arguments: ["raw", "qcow2"])
    func naming(kind: String) throws {
        let path = folder.path.appending("disk.\(kind)")
        let layout = try DiskLayout(
            size: 600 << 20, bootSize: 64 << 20, needed: 300 << 20, architecture: "x86_64", path: path.string)
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try DiskWriter(DiskTarget(path, size: 600 << 20, wipe: false), layout: layout, fileSystem: .ext4)
                .write { _ in throw Stop() }
        }
        #expect(try Files.names(in: folder.path) == [])
        try DiskWriter(DiskTarget(path, size: 600 << 20, wipe: false), layout: layout, fileSystem: .ext4).write {
            root in
            try Files.replace(root.appending("boot/efi/x"), with: [1])
        }
        #expect(try Files.names(in: folder.path) == ["disk.\(kind)"])
        if kind == "raw" {
            #expect(
                try run(["/sbin/sfdisk", "--json", path.string]).text.lowercased().contains(layout.root.identifier))
        }
    }

    @Test("the file systems of a disk with large sectors have large sectors too", arguments: RootFileSystem.allCases)
    func largeSectors(_ kind: RootFileSystem) throws {
        let image = try image(size: 900 << 20)
        let loop = try Loop(image, ["--sector-size", "4096"])
        let target = try DiskTarget(loop.path, size: nil, wipe: false)
        #expect(target.leastBootSize == 257 << 20)
        let layout = try DiskLayout(
            size: target.size, bootSize: target.leastBootSize, needed: 400 << 20, architecture: "x86_64",
            path: loop.path.string)
        try DiskWriter(target, layout: layout, fileSystem: kind).write { root in
            try Files.replace(root.appending("boot/efi/x"), with: Array("text".utf8))
        }
        // As one program sees it that knows nothing of the device: the sector's size and the clusters of the FAT.
        let boot = "\(image.string)@@\(layout.boot.start)"
        #expect(try run(["/usr/bin/mtype", "-i", boot, "::x"]).text == "text")
        let file = try Descriptor(opening: image.string)
        try retrying("seek in", image.string) { lseek(file.raw, off_t(layout.boot.start), SEEK_SET) }
        #expect(try Array(file.read(exactly: 14)[11...]) == [0x00, 0x10, 1])
        let part = try LoopDevice(layout.root, of: image, sector: 4096)
        try folder.write("mount/x", text: "")
        let place = folder.path.appending("mount").string
        let mounted = try run(["/bin/mount", "-t", kind.rawValue, part.path.string, place])
        #expect(mounted.status == 0, "\(mounted.errorText)")
        #expect(try run(["/bin/umount", place]).status == 0)
        withExtendedLifetime((loop, part)) {}
    }

    @Test("a size of another file system than ext4", arguments: [RootFileSystem.btrfs, .xfs])
    func fileSystems(_ kind: RootFileSystem) throws {
        let path = folder.path.appending("disk.raw")
        let layout = try DiskLayout(
            size: 700 << 20, bootSize: 64 << 20, needed: 400 << 20, architecture: "x86_64", path: path.string)
        let names = try DiskWriter(DiskTarget(path, size: 700 << 20, wipe: false), layout: layout, fileSystem: kind)
            .write { root in try Files.names(in: root) }
        #expect(names == ["boot"])
    }
}
