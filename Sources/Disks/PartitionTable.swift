/// A GUID partition table as it lies on a disk: UEFI specification 2.10, section 5.3.
struct PartitionTable {
    /// The header's bytes, with the checksum in them.
    private(set) var header: [UInt8]
    /// All entries, used or not.
    private(set) var entries: [UInt8]

    /// The most bytes of entries that tools write: 128 entries of 128 bytes.
    static let entriesLimit = 16 << 10
    private static let headerSize = 92

    /// - Parameters:
    ///   - sector: the header's sector.
    ///   - entries: reads as many bytes from a sector's number on.
    /// - Returns: `nil` for anything but a whole table of the usual form at the beginning of its disk.
    init?(sector: [UInt8], entries read: (UInt64, Int) throws -> [UInt8]) rethrows {
        header = Array(sector.prefix(Self.headerSize))
        entries = []
        guard header.starts(with: Array("EFI PART".utf8)), number(at: 12, 4) == Self.headerSize,
            number(at: 24, 8) == 1, number(at: 16, 4) == Self.checksum(Self.cleared(header))
        else { return nil }
        let (count, size) = (number(at: 80, 4), number(at: 84, 4))
        guard size == 128, count > 0, count * size <= Self.entriesLimit else { return nil }
        entries = try read(entriesStart, Int(count * size))
        guard number(at: 88, 4) == Self.checksum(entries) else { return nil }
    }

    /// Where this header's entries are, and what partitions may take, all in sectors.
    var entriesStart: UInt64 { number(at: 72, 8) }
    var firstUsable: UInt64 { number(at: 40, 8) }

    /// The entry that ends last: its number, counted from 1, where it begins and its last sector.
    var last: (number: Int, start: UInt64, end: UInt64, isGrown: Bool)? {
        var found: (number: Int, start: UInt64, end: UInt64, isGrown: Bool)?
        for index in 0..<entries.count / 128 where entries[index * 128..<index * 128 + 16].contains(where: { $0 != 0 })
        {
            let end = Self.number(entries, at: index * 128 + 40, 8)
            guard end > found?.end ?? 0 else { continue }
            let attributes = Self.number(entries, at: index * 128 + 48, 8)
            found = (index + 1, Self.number(entries, at: index * 128 + 32, 8), end, attributes >> 59 & 1 == 1)
        }
        return found
    }

    /// Makes an entry longer.
    mutating func setEnd(_ end: UInt64, ofEntry number: Int) {
        Self.put(end, 8, into: &entries, at: (number - 1) * 128 + 40)
    }

    /// The header for a place of its own, of its entries and of the other header.
    func header(at place: UInt64, other: UInt64, entriesAt start: UInt64, lastUsable: UInt64) -> [UInt8] {
        var bytes = header
        for (value, position) in [(place, 24), (other, 32), (lastUsable, 48), (start, 72)] {
            Self.put(value, 8, into: &bytes, at: position)
        }
        Self.put(Self.checksum(entries), 4, into: &bytes, at: 88)
        Self.put(Self.checksum(Self.cleared(bytes)), 4, into: &bytes, at: 16)
        return bytes
    }

    private func number(at position: Int, _ count: Int) -> UInt64 { Self.number(header, at: position, count) }

    private static func number(_ bytes: [UInt8], at position: Int, _ count: Int) -> UInt64 {
        guard position + count <= bytes.count else { return 0 }
        return bytes[position..<position + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func put(_ value: UInt64, _ count: Int, into bytes: inout [UInt8], at position: Int) {
        for index in 0..<count { bytes[position + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }

    private static func cleared(_ header: [UInt8]) -> [UInt8] {
        var bytes = header
        put(0, 4, into: &bytes, at: 16)
        return bytes
    }

    /// CRC-32 as Ethernet, gzip and GPT have it.
    static func checksum(_ bytes: [UInt8]) -> UInt64 {
        var remainder = UInt32.max
        for byte in bytes {
            remainder ^= UInt32(byte)
            for _ in 0..<8 { remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1 }
        }
        return UInt64(~remainder)
    }
}
