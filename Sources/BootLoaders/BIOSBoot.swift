import Glibc
import LinuxSystem
import SystemPackage

/// GRUB's BIOS part: a boot sector that loads the core image by sector numbers.
///
/// The BIOS boot partition is used in halves. An update writes the half that is not in use, and switches by writing one
/// sector: the boot sector's number of the core image's first sector. The old core image stays, and a copy of it is kept
/// on the boot partition as long as the new one is on trial. Without that copy the core image in use is proven; with
/// it, the one that has its content is. A third one would overwrite the half of the proven one, and is refused, because
/// no BIOS starts a copy in a file; with `--force` that copy is all that is left.
struct BIOSBoot {
    let area: BIOSBootArea
    let partition: BootPartition
    let bootImage: [UInt8]
    let coreImage: [UInt8]

    private static let sector = 512
    /// Boot code ends here; a disk's signature and partition table follow.
    private static let codeSize = 440
    /// In boot.img: the 64-bit number of the core image's first sector, and a jump for floppy disks.
    private static let coreField = 0x5c
    private static let driveCheck = 0x66
    /// In the core image's first sector: where the rest is, as 64-bit start, 16-bit count, 16-bit segment.
    private static let blockList = 512 - 12
    private static let loadSegment: UInt64 = 0x820
    /// The copy, on the boot partition.
    static let fallback = "grub/core.OLD"

    /// - Throws: `BootLoaderError.noLoaderFiles`, `.unusableLoader`, `SystemError`.
    init(area: BIOSBootArea, image: FilePath, partition: BootPartition) throws {
        self.area = area
        self.partition = partition
        bootImage = try GRUB.imageFile("boot.img", image)
        coreImage = try GRUB.imageFile("core.img", image)
        guard bootImage.count == 512, LoaderFiles.number(bootImage, at: 510, bytes: 2) == 0xaa55 else {
            throw BootLoaderError.unusableLoader(path: "boot.img", problem: "it is no boot sector")
        }
        guard coreImage.count > 1024 else {
            throw BootLoaderError.unusableLoader(path: "core.img", problem: "it is cut off")
        }
        guard Self.sectors(coreImage.count) <= half else {
            throw BootLoaderError.unusableLoader(
                path: "core.img", problem: "half the BIOS boot partition has only \(half * 512) bytes")
        }
    }

    private var half: UInt64 { area.sectors / 2 }

    private static func sectors(_ bytes: Int) -> UInt64 { UInt64((bytes + sector - 1) / sector) }

    /// Whether the disk has this boot code and core image.
    func isInstalled() throws -> Bool {
        let disk = try Descriptor(opening: area.disk.string)
        BootPartition.dropCache(of: disk)
        let first = try read(disk, at: 0, count: Self.sector)
        let start = LoaderFiles.number(first, at: Self.coreField, bytes: 8)
        guard isHalf(start), first.prefix(Self.codeSize).elementsEqual(bootSector(start).prefix(Self.codeSize)) else {
            return false
        }
        let core = patchedCore(at: start)
        return try read(disk, at: start, count: core.count) == core
    }

    /// Writes the core image into the half that is not in use, and then the boot sector. Again is fine.
    func install() throws {
        if try !isInstalled() { try replace() }
        // Back at what is proven, nothing is on trial.
        if let proven = try provenCore(), Self.content(proven) == Self.content(coreImage) { try removeFallback() }
    }

    private func replace() throws {
        let disk = try Descriptor(opening: area.disk.string, flags: O_RDWR)
        let present = LoaderFiles.number(try read(disk, at: 0, count: Self.sector), at: Self.coreField, bytes: 8)
        if try provenCore() != nil {
            // Perhaps by an update that was killed before it was flushed.
            try partition.flush()
        } else if let proven = try readCore(disk, at: present) {
            try removeFallback()
            try partition.add(fallbackPath, proven)
        }
        let start = present == area.firstSector ? area.firstSector + half : area.firstSector
        let core = patchedCore(at: start)
        // The way back finds it there.
        if try read(disk, at: start, count: core.count) != core { try write(disk, at: start, core) }
        FaultPoint.reached("boot.after-core")
        var sector = try read(disk, at: 0, count: Self.sector)
        sector.replaceSubrange(..<Self.codeSize, with: bootSector(start).prefix(Self.codeSize))
        FaultPoint.reached("boot.before-boot-sector")
        try write(disk, at: 0, sector)
        FaultPoint.reached("boot.after-boot-sector")
    }

    // MARK: what is proven

    private var fallbackPath: FilePath { partition.root.appending(Self.fallback) }

    /// The copy of the proven core image; `nil` when the one in use is proven.
    private func provenCore() throws -> [UInt8]? {
        let bytes = try Files.readIfPresent(fallbackPath, limit: LoaderFiles.limit) ?? []
        return bytes.count > Self.sector ? bytes : nil
    }

    private func removeFallback() throws {
        if Files.exists(fallbackPath) { try partition.remove(fallbackPath) }
    }

    /// The core image that the boot sector leads to; `nil` when there is none.
    private func readCore(_ disk: borrowing Descriptor, at start: UInt64) throws -> [UInt8]? {
        guard isHalf(start) else { return nil }
        let first = try read(disk, at: start, count: Self.sector)
        let sectors = LoaderFiles.number(first, at: Self.blockList + 8, bytes: 2) + 1
        guard sectors > 1, sectors <= half else { return nil }
        return try read(disk, at: start, count: Int(sectors) * Self.sector)
    }

    /// A core image in whole sectors, without the place on the disk that it was made for.
    private static func content(_ core: [UInt8]) -> [UInt8] {
        var bytes = inWholeSectors(core)
        bytes.replaceSubrange(blockList..<sector, with: [UInt8](repeating: 0, count: sector - blockList))
        return bytes
    }

    /// Whether what is in use is another core image than the proven one.
    func isOnTrial() throws -> Bool {
        guard let proven = try provenCore() else { return false }
        let disk = try Descriptor(opening: area.disk.string)
        BootPartition.dropCache(of: disk)
        let start = LoaderFiles.number(try read(disk, at: 0, count: Self.sector), at: Self.coreField, bytes: 8)
        guard let core = try readCore(disk, at: start) else { return false }
        return Self.content(core) != Self.content(proven)
    }

    /// - Throws: `BootLoaderError.onTrial` when one is on trial, and this is neither it nor the proven one.
    func checkTrial() throws {
        guard try isOnTrial(), try !isInstalled(), let proven = try provenCore() else { return }
        if Self.content(proven) != Self.content(coreImage) { throw BootLoaderError.onTrial }
    }

    /// Bytes that the copy of the proven core image takes on the boot partition.
    func room() throws -> Int64 {
        if try isInstalled() || provenCore() != nil { return 0 }
        return try partition.space(forFileOf: Int64(half) * Int64(Self.sector))
    }

    // MARK: sectors

    private func isHalf(_ start: UInt64) -> Bool { start == area.firstSector || start == area.firstSector + half }

    private func bootSector(_ start: UInt64) -> [UInt8] {
        var bytes = bootImage
        Self.put(start, in: &bytes, at: Self.coreField, count: 8)
        // As grub-bios-setup does for hard disks: the BIOS's word for the drive is taken.
        bytes[Self.driveCheck] = 0x90
        bytes[Self.driveCheck + 1] = 0x90
        return bytes
    }

    /// Whole sectors; the first one says where the others are.
    private func patchedCore(at start: UInt64) -> [UInt8] {
        var bytes = Self.inWholeSectors(coreImage)
        let sectors = Self.sectors(bytes.count)
        Self.put(start + 1, in: &bytes, at: Self.blockList, count: 8)
        Self.put(sectors - 1, in: &bytes, at: Self.blockList + 8, count: 2)
        Self.put(Self.loadSegment, in: &bytes, at: Self.blockList + 10, count: 2)
        return bytes
    }

    private static func inWholeSectors(_ core: [UInt8]) -> [UInt8] {
        core + [UInt8](repeating: 0, count: Int(sectors(core.count)) * sector - core.count)
    }

    private static func put(_ number: UInt64, in bytes: inout [UInt8], at offset: Int, count: Int) {
        for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
    }

    private func read(_ disk: borrowing Descriptor, at sector: UInt64, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let start = done
            let more = try retrying("read", disk.path) {
                bytes.withUnsafeMutableBytes {
                    pread(
                        disk.raw, $0.baseAddress.map { $0 + start }, count - start, off_t(sector) * 512 + off_t(start))
                }
            }
            if more == 0 { throw SystemError("read", disk.path, code: .ioError) }
            done += more
        }
        return bytes
    }

    /// Writes, flushes, and reads back.
    private func write(_ disk: borrowing Descriptor, at sector: UInt64, _ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let start = done
            done += try retrying("write", disk.path) {
                bytes.withUnsafeBytes {
                    pwrite(
                        disk.raw, $0.baseAddress.map { $0 + start }, bytes.count - start,
                        off_t(sector) * 512 + off_t(start))
                }
            }
        }
        try disk.sync()
        BootPartition.dropCache(of: disk)
        guard try read(disk, at: sector, count: bytes.count) == bytes else {
            throw BootLoaderError.damagedWrite(disk.path)
        }
    }
}
