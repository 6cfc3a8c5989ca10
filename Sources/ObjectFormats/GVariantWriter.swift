/// Writes one GVariant container: members in order, then the framing offsets.
///
/// Source: the GVariant specification, section 2.3 (serialised data), https://docs.gtk.org/glib/gvariant-specification-1.0.html
struct GVariantWriter {
    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []

    mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

    mutating func align(_ alignment: Int) {
        while bytes.count % alignment != 0 { bytes.append(0) }
    }

    /// A 32-bit member; ostree stores its numbers big-endian.
    mutating func addBigEndian(_ value: UInt32) {
        align(4)
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func addBigEndian(_ value: UInt64) {
        align(8)
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// A member without a fixed size.
    mutating func add(_ member: some Collection<UInt8>, alignment: Int = 1) {
        align(alignment)
        bytes.append(contentsOf: member)
        ends.append(bytes.count)
    }

    /// A string member, with its NUL.
    mutating func add(string: String) {
        bytes.append(contentsOf: string.utf8)
        bytes.append(0)
        ends.append(bytes.count)
    }

    /// Ends an array of members without a fixed size: every end is stored, in order.
    consuming func array() -> [UInt8] {
        appendOffsets(ends)
        return bytes
    }

    /// Ends a tuple: the last member's end is not stored when it is implied, and the others in reverse.
    consuming func tuple(lastIsVariable: Bool) -> [UInt8] {
        appendOffsets((lastIsVariable ? ends.dropLast() : ends[...]).reversed())
        return bytes
    }

    private mutating func appendOffsets(_ offsets: [Int]) {
        let width = GVariantWriter.offsetWidth(body: bytes.count, count: offsets.count)
        for offset in offsets {
            for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: offset >> (8 * index))) }
        }
    }

    private static func offsetWidth(body: Int, count: Int) -> Int {
        if body + count <= 0xFF { return 1 }
        if body + 2 * count <= 0xFFFF { return 2 }
        return body + 4 * count <= 0xFFFF_FFFF ? 4 : 8
    }
}
