import Glibc
import LinuxSystem
public import SystemPackage

/// What was written to a disk, in its order, with the flushes between.
///
/// The format is that of the kernel's `dm-log-writes` target (Documentation/admin-guide/device-mapper/log-writes.rst), which
/// QEMU's `blklogwrites` driver writes, too: a sector with magic, version, number of entries and sector size, then for
/// each entry a sector that describes it and the sectors that were written. All numbers are little-endian, 64 bits wide
/// but for the sector size.
public struct WriteLog: Sendable {
    /// One request to the disk.
    public struct Entry: Sendable, Equatable {
        /// What was asked for.
        public enum Action: Sendable, Equatable {
            /// Bytes were written, which lie at `data` of the log.
            case write(data: Int)
            /// What lies there was given up; a disk may keep it or lose it.
            case discard
            /// All that was written before is on the disk when this has ended.
            case flush
        }
        public var action: Action
        /// Bytes from the beginning of the disk.
        public var offset: Int
        /// Bytes.
        public var count: Int
        /// Where the log's file ended when it had been recorded.
        public var end: Int

        public init(action: Action, offset: Int = 0, count: Int = 0, end: Int = 0) {
            self.action = action
            self.offset = offset
            self.count = count
            self.end = end
        }
    }

    /// A log that is none, or ends in the middle of an entry.
    public struct Malformed: Error { public let detail: String }

    /// In the order of the log.
    public let entries: [Entry]
    /// The file that holds the written bytes.
    public let path: FilePath

    private static let magic: UInt64 = 0x006a_7366_7773_6872
    private static let (flushFlag, forceFlag, discardFlag): (UInt64, UInt64, UInt64) = (1, 2, 4)

    /// Reads a log's entries; what was written stays in the file.
    ///
    /// - Throws: `WriteLog.Malformed`, `SystemError`.
    public init(reading path: FilePath) throws {
        self.path = path
        let file = try Descriptor(opening: path.string)
        let size = Int(try file.status().st_size)
        let head = try Self.numbers(in: file, at: 0, count: 4)
        guard head[0] == Self.magic, head[1] == 1 else { throw Malformed(detail: "\(path) is no log of writes") }
        let sector = Int(head[3] & 0xffff_ffff)
        guard sector == 512 || sector == 4096 else { throw Malformed(detail: "sectors of \(sector) bytes") }
        var entries: [Entry] = []
        var position = sector
        while entries.count < Int(head[2]) {
            let fields = try Self.numbers(in: file, at: position, count: 3)
            position += sector
            let (offset, count) = (Int(fields[0]) * sector, Int(fields[1]) * sector)
            // A flush that comes with a write comes before it.
            if fields[2] & Self.flushFlag != 0 { entries.append(Entry(action: .flush, end: position)) }
            if fields[2] & Self.discardFlag != 0 {
                entries.append(Entry(action: .discard, offset: offset, count: count, end: position))
            } else if count > 0 {
                guard position + count <= size else { throw Malformed(detail: "\(path) ends within an entry") }
                position += count
                entries.append(
                    Entry(action: .write(data: position - count), offset: offset, count: count, end: position))
            }
            if fields[2] & Self.forceFlag != 0 { entries.append(Entry(action: .flush, end: position)) }
        }
        self.entries = entries
    }

    /// The first entry that was recorded when the log's file had grown beyond `size` bytes.
    public func entry(after size: Int) -> Int { entries.firstIndex { $0.end > size } ?? entries.count }

    private static func numbers(in file: borrowing Descriptor, at offset: Int, count: Int) throws -> [UInt64] {
        var bytes = [UInt8](repeating: 0, count: count * 8)
        let got = try retrying("read", file.path) { pread(file.raw, &bytes, bytes.count, off_t(offset)) }
        guard got == bytes.count else { throw Malformed(detail: "\(file.path) ends within an entry") }
        return (0..<count).map { index in
            (0..<8).reduce(0) { $0 | UInt64(bytes[index * 8 + $1]) << (UInt64($1) * 8) }
        }
    }
}
