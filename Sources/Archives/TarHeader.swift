/// The 512 bytes before each entry: the old format, POSIX's ustar, and GNU's additions to it.
///
/// Sources: POSIX.1-2017 `pax`, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format".
struct TarHeader {
    /// The block's size, to which everything in an archive is padded.
    static let size = 512
    private let bytes: [UInt8]

    /// The letter that tells the kind of entry.
    let type: UInt8

    /// - Parameter bytes: exactly 512.
    /// - Returns: `nil` when the header's own checksum is not right.
    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        type = bytes[156]
        guard let declared = number(148, 8) else { return nil }
        var unsigned: Int64 = 0
        var signed: Int64 = 0
        for (index, byte) in bytes.enumerated() {
            let value = (148..<156).contains(index) ? UInt8(ascii: " ") : byte
            unsigned += Int64(value)
            signed += Int64(Int8(bitPattern: value))
        }
        // Some old programs summed signed bytes.
        guard declared == unsigned || declared == signed else { return nil }
    }

    /// The path, with ustar's prefix.
    var path: [UInt8] {
        let name = text(0, 100)
        guard bytes[257..<263].elementsEqual("ustar\0".utf8) else { return name }
        let prefix = text(345, 155)
        return prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
    }

    var linkTarget: [UInt8] { text(157, 100) }
    var mode: Int64? { number(100, 8) }
    var uid: Int64? { number(108, 8) }
    var gid: Int64? { number(116, 8) }
    var contentSize: Int64? { number(124, 12) }
    /// Before 1970 counts as 1970.
    var modified: Int64? { bytes[136] == 0xFF ? 0 : number(136, 12) }
    var deviceMajor: Int64? { number(329, 8) }
    var deviceMinor: Int64? { number(337, 8) }

    private func text(_ start: Int, _ length: Int) -> [UInt8] {
        Array(bytes[start..<(start + length)].prefix { $0 != 0 })
    }

    /// Octal digits with spaces around and a NUL behind, or, when the first bit is set, a big-endian number.
    ///
    /// - Returns: `nil` for anything else, for negative numbers, and for what 63 bits do not hold.
    private func number(_ start: Int, _ length: Int) -> Int64? {
        let field = bytes[start..<(start + length)]
        if bytes[start] & 0x80 != 0 {
            return Self.binary(field)
        }
        var digits = field.drop { $0 == UInt8(ascii: " ") }
        digits = digits.prefix { $0 != 0 && $0 != UInt8(ascii: " ") }
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { return nil }
            // Twelve digits have 36 bits.
            value = value << 3 | Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }

    private static func binary(_ field: ArraySlice<UInt8>) -> Int64? {
        guard let first = field.first, first == 0x80 else { return nil }
        var value: UInt64 = 0
        for byte in field.dropFirst() {
            guard value >> 56 == 0 else { return nil }
            value = value << 8 | UInt64(byte)
        }
        return Int64(exactly: value)
    }
}
