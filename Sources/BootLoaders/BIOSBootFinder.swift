import Glibc
import LinuxSystem
public import SystemPackage

extension BIOSBootArea {
    /// The BIOS boot partition on the disk of a mounted boot partition; `nil` when the disk has none, or is no disk with
    /// a GPT.
    ///
    /// - Throws: `SystemError` when the disk cannot be read.
    public static func find(beside partition: BootPartition) throws -> BIOSBootArea? {
        var status = stat()
        try retrying("examine", partition.root.string) { stat(partition.root.string, &status) }
        let device = UInt64(status.st_dev)
        let major = (device >> 8) & 0xfff | (device >> 32) & 0xffff_f000
        let minor = device & 0xff | (device >> 12) & 0xffff_ff00
        guard let resolved = realpath("/sys/dev/block/\(major):\(minor)", nil) else { return nil }
        defer { free(resolved) }
        let folder = FilePath(String(cString: resolved))
        let above = folder.removingLastComponent()
        guard Files.exists(folder.appending("partition")), let name = above.lastComponent?.string else { return nil }
        let size = try Files.readIfPresent(above.appending("queue/logical_block_size"), limit: 64)
        let text = String(decoding: (size ?? []).prefix { $0 > 0x20 }, as: UTF8.self)
        return try find(onDisk: FilePath("/dev/\(name)"), sectorSize: Int(text) ?? 512)
    }

    /// The same for a disk, or an image of one.
    ///
    /// - Parameter sectorSize: that of the disk's GPT, in bytes.
    /// - Throws: `SystemError`.
    public static func find(onDisk disk: FilePath, sectorSize: Int = 512) throws -> BIOSBootArea? {
        let file = try Descriptor(opening: disk.string)
        let header = try read(file, at: sectorSize, count: 512)
        guard header.count == 512, header.starts(with: "EFI PART".utf8), (512...4096).contains(sectorSize) else {
            return nil
        }
        let first = LoaderFiles.number(header, at: 72, bytes: 8)
        let count = min(LoaderFiles.number(header, at: 80, bytes: 4), 1024)
        let size = LoaderFiles.number(header, at: 84, bytes: 4)
        guard (128...4096).contains(size), first < 1 << 32 else { return nil }
        let table = try read(file, at: Int(first) * sectorSize, count: Int(count * size))
        for start in stride(from: 0, to: table.count - Int(size) + 1, by: Int(size)) {
            guard table[start..<start + 16].elementsEqual(biosBootType) else { continue }
            let begin = LoaderFiles.number(table, at: start + 32, bytes: 8)
            let end = LoaderFiles.number(table, at: start + 40, bytes: 8)
            guard begin > 0, end >= begin, end < 1 << 48 else { return nil }
            let unit = UInt64(sectorSize / 512)
            return BIOSBootArea(disk: disk, firstSector: begin * unit, sectors: (end - begin + 1) * unit)
        }
        return nil
    }

    private static func read(_ file: borrowing Descriptor, at offset: Int, count: Int) throws -> [UInt8] {
        try retrying("read", file.path) { lseek(file.raw, off_t(offset), SEEK_SET) }
        return try file.read(exactly: count)
    }

    /// 21686148-6449-6E6F-744E-656564454649, as a GPT has it.
    private static let biosBootType = Array("Hah!IdontNeedEFI".utf8)
}
