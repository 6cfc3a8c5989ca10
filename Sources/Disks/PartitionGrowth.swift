import CLinux
import Glibc
public import LinuxSystem
public import SystemPackage

/// Makes the last partition reach to the end of its disk, where the disk has become larger than its table says.
///
/// sfdisk, parted and systemd-repart write the table's entries in place and their checksum after that; between the two the
/// kernel finds no valid table, nor the root. Here the switch is one sector: the new entries lie where the header does not
/// point yet, in the free space before the first partition, and the header comes last.
public final class PartitionGrowth {
    /// What came of it.
    public enum Outcome: Sendable, Equatable {
        /// The last partition is not one that is to be grown (bit 59), or there is no table that we know how to change.
        case unmarked
        /// Nothing is free behind it.
        case full
        /// It was made larger: its number, its size in bytes before and now.
        case grown(number: Int, from: Int64, to: Int64)
    }

    private let disk: Descriptor
    private let sector: UInt64
    private let sectors: UInt64
    private let isDevice: Bool

    /// - Throws: `SystemError`.
    public init(_ path: FilePath) throws(SystemError) {
        disk = try Descriptor(opening: path.string, flags: O_RDWR)
        let status = try disk.status()
        isDevice = status.st_mode & S_IFMT == S_IFBLK
        guard isDevice else {
            (sector, sectors) = (512, UInt64(status.st_size) / 512)
            return
        }
        var bytes: UInt64 = 0, size: Int32 = 0, readOnly: Int32 = 0
        let raw = disk.raw
        try retrying("examine", path.string) { hostctl_device_geometry(raw, &bytes, &size, &readOnly) }
        sector = UInt64(size)
        sectors = bytes / sector
    }

    /// The disk that a mount point's file system lies on.
    ///
    /// - Returns: `nil` where it is not on a partition.
    /// - Throws: `SystemError`.
    public static func disk(of mountPoint: String) throws -> FilePath? {
        let mounts = String(decoding: try Files.read("/proc/self/mounts", limit: 1 << 22), as: UTF8.self)
        let source = mounts.split(separator: "\n").map { $0.split(separator: " ") }
            .last { $0.count > 2 && $0[1] == mountPoint && $0[0].hasPrefix("/dev/") }
        guard let name = source?[0].split(separator: "/").last,
            Files.exists(FilePath("/sys/class/block/\(name)/partition")),
            let resolved = realpath("/sys/class/block/\(name)", nil)
        else { return nil }
        defer { free(resolved) }
        return FilePath(String(cString: resolved)).removingLastComponent().lastComponent.map {
            FilePath("/dev").appending($0)
        }
    }

    /// - Throws: `SystemError`; the table is the old or the new one whenever it ends.
    public func run() throws -> Outcome {
        let header = try read(1, Int(sector))
        let start = try PartitionTable(sector: header, entries: read)
        guard var table = start, let last = table.last, last.isGrown, sectors > last.end else { return .unmarked }
        let entriesSectors = UInt64(PartitionTable.entriesLimit) / sector
        let unit = (1 << 20) / sector
        // Where the first copy of the entries goes: the place that the header does not point to.
        let places = [2, 2 + entriesSectors]
        let place = table.entriesStart == places[0] ? places[1] : places[0]
        guard places.contains(table.entriesStart), places[1] + entriesSectors <= table.firstUsable else {
            return .unmarked
        }
        let copy = sectors - 1 - entriesSectors
        let end = copy / unit * unit - 1
        guard end > last.end else {
            // A run that was cut may have left this.
            try setProtectiveSize()
            return .full
        }
        table.setEnd(end, ofEntry: last.number)
        FaultPoint.reached("grow.before-copy")
        try write(table.entries, at: copy)
        let second = table.header(at: sectors - 1, other: 1, entriesAt: copy, lastUsable: copy - 1)
        try write(second, at: sectors - 1)
        FaultPoint.reached("grow.after-copy")
        try write(table.entries, at: place)
        try disk.sync()
        FaultPoint.reached("grow.before-header")
        try write(table.header(at: 1, other: sectors - 1, entriesAt: place, lastUsable: copy - 1), at: 1)
        try disk.sync()
        FaultPoint.reached("grow.after-header")
        try setProtectiveSize()
        FaultPoint.reached("grow.after-protective-record")
        if isDevice {
            try retrying("resize a partition of", disk.path) {
                hostctl_resize_partition(
                    disk.raw, Int32(last.number), Int64(last.start * sector), Int64((end + 1 - last.start) * sector))
            }
        }
        let size = { [sector] (end: UInt64) in Int64((end + 1 - last.start) * sector) }
        return .grown(number: last.number, from: size(last.end), to: size(end))
    }

    /// The protective MBR, for tools that do not know GPT, says how large the disk is.
    private func setProtectiveSize() throws(SystemError) {
        var record = try read(0, Int(sector))
        let before = record
        for start in stride(from: 446, to: 510, by: 16) where record[start + 4] == 0xEE {
            PartitionTable.put(min(sectors - 1, 0xFFFF_FFFF), 4, into: &record, at: start + 12)
        }
        if record == before { return }
        try write(record, at: 0)
        try disk.sync()
    }

    private func read(_ place: UInt64, _ count: Int) throws(SystemError) -> [UInt8] {
        try seek(place)
        return try disk.read(exactly: count)
    }

    /// Whole sectors, the rest zeros.
    private func write(_ bytes: [UInt8], at place: UInt64) throws(SystemError) {
        try seek(place)
        let rest = (Int(sector) - bytes.count % Int(sector)) % Int(sector)
        try disk.write(bytes + [UInt8](repeating: 0, count: rest))
    }

    private func seek(_ place: UInt64) throws(SystemError) {
        try retrying("seek in", disk.path) { lseek(disk.raw, off_t(place * sector), SEEK_SET) }
    }
}
