import BootLoaders
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A folder in the place of a mounted boot partition, from which FAT file systems are made: the build machine's kernel
/// may have no FAT. What Linux does to FAT itself is tested in virtual machines.
struct TestPartition {
    let folder: TemporaryFolder
    let root: FilePath
    /// A GPT disk with a BIOS boot partition of 1 MiB and a FAT partition.
    let disk: FilePath
    static let area = (first: 2048 as UInt64, sectors: 2048 as UInt64)
    private static let offset = 4096

    var partition: BootPartition { BootPartition(root: root) }

    init() throws {
        folder = try TemporaryFolder(inMemory: true)
        root = folder.path.appending("partition")
        disk = folder.path.appending("disk.img")
        try Files.makeFolder(root)
    }

    /// Makes the disk, without what is in the folder.
    func makeDisk() throws {
        try Self.check(["/usr/bin/truncate", "-s", "40M", disk.string])
        let table = """
            label: gpt
            start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649
            start=4096, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B

            """
        try Self.check(["/usr/sbin/sfdisk", "-q", disk.string], input: Array(table.utf8))
    }

    /// Writes a FAT file system with the folder's files onto the disk.
    func store() throws {
        try Self.check(["/usr/sbin/mkfs.vfat", "--offset", "\(Self.offset)", disk.string, "36000"])
        let names = try Files.names(in: root).map { root.appending($0).string }
        try Self.check(["/usr/bin/mcopy", "-s", "-m", "-i", drive] + names + ["::"])
    }

    private var drive: String { "\(disk.string)@@\(Self.offset * 512)" }

    /// Takes one file from the disk back into the folder.
    func fetch(_ relative: String) throws {
        try Self.check(["/usr/bin/mcopy", "-n", "-o", "-i", drive, "::\(relative)", root.appending(relative).string])
    }

    /// What fsck.fat says about the disk's file system; empty when nothing.
    func complaints() throws -> String {
        let alone = folder.path.appending("fat.img")
        try Self.check([
            "/bin/dd", "if=\(disk.string)", "of=\(alone.string)", "bs=512", "skip=\(Self.offset)", "status=none",
        ])
        let result = try run(["/usr/sbin/fsck.vfat", "-n", alone.string])
        return result.status == 0 ? "" : result.text + result.errorText
    }

    static func check(_ command: [String], input: [UInt8] = []) throws {
        let result = try run(command, input: input)
        try #require(result.status == 0, "\(command): \(result.text)\(result.errorText)")
    }

    func loader(_ kind: LoaderKind) -> any BootLoader {
        BootConfiguration(loader: kind, partition: "").bootLoader(on: partition)
    }

    /// A loader with a kernel in place.
    func prepared(_ kind: LoaderKind) throws -> any BootLoader {
        try partition.addKernel(Sample.kernel(in: folder))
        return loader(kind)
    }

    func write(_ relative: String, _ text: String) throws { try write(relative, Array(text.utf8)) }

    func write(_ relative: String, _ bytes: [UInt8]) throws { try folder.write("partition/\(relative)", bytes) }

    func read(_ relative: String) throws -> String {
        String(decoding: try folder.read("partition/\(relative)"), as: UTF8.self)
    }

    func names(_ relative: String) throws -> [String] { try Files.namesIfPresent(in: root.appending(relative)) }
}

/// Names that entries need, short to write.
enum Sample {
    static let checksum = String(repeating: "0123456789abcdef", count: 4)
    static let folder = "\(checksum).0"
    static let kernelFolder = String(checksum.prefix(32))

    static func entry(
        _ generation: Int, tries: Int = 0, folder: String = Sample.folder, title: String = "Lean host",
        arguments: [String] = ["root=LABEL=root", "rw"]
    ) throws -> LoaderEntry {
        let counter = tries > 0 ? TryCounter(left: tries) : nil
        return LoaderEntry(
            name: try EntryName(stateroot: "lean", generation: generation, counter: counter), folder: folder,
            title: title, kernelFolder: kernelFolder, arguments: arguments)
    }

    /// A kernel and an initramfs in `folder`.
    static func kernel(in folder: TemporaryFolder, _ kernel: [UInt8] = Array("kernel".utf8)) throws -> KernelSource {
        KernelSource(
            bootChecksum: checksum, kernel: try folder.write("vmlinuz", kernel),
            initramfs: try folder.write("initramfs.img", Array("initramfs".utf8)))
    }

    /// `grub-images` has been run for this image.
    static func image(in folder: TemporaryFolder) throws -> FilePath {
        let script = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("images/grub-images")
        let image = folder.path.appending("image")
        try TestPartition.check([script.string, image.appending("usr/lib/hostctl/grub").string])
        return image
    }

    /// A PE file as far as anybody looks, with a version of systemd-boot; `build` tells those of one version apart.
    static func program(_ version: String, build: UInt8 = 0, size: Int = 4096) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        func put(_ number: Int, at offset: Int, _ count: Int) {
            for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        }
        bytes.replaceSubrange(0..<2, with: "MZ".utf8)
        bytes[32] = build
        put(64, at: 0x3c, 4)
        bytes.replaceSubrange(64..<68, with: [0x50, 0x45, 0, 0])
        put(1, at: 70, 2)
        put(112, at: 84, 2)
        put(2048, at: 64 + 24 + 112 + 16, 4)
        put(1024, at: 64 + 24 + 112 + 20, 4)
        let mark = Array("#### LoaderInfo: systemd-boot \(version) ####".utf8)
        bytes.replaceSubrange(1024..<1024 + mark.count, with: mark)
        return bytes
    }

    /// An image with this systemd-boot.
    static func loaderImage(in folder: TemporaryFolder, _ name: String, _ program: [UInt8]) throws -> LoaderSource {
        try folder.write("image-\(name)/usr/lib/systemd/boot/efi/systemd-bootx64.efi", program)
        return LoaderSource(image: folder.path.appending("image-\(name)"))
    }
}
