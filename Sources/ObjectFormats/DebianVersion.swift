/// A package's version, in dpkg's order.
///
/// Source: Debian Policy 5.6.12, and `verrevcmp` in dpkg's lib/dpkg/version.c.
public struct DebianVersion: Comparable, Sendable {
    private let epoch: Int64
    private let upstream: [UInt8]
    private let revision: [UInt8]

    /// Takes any text: what is no valid version still has a place in the order.
    public init(_ text: String) {
        let bytes = Array(text.utf8)
        let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
        epoch = colon.flatMap { Int64(String(decoding: bytes[..<$0], as: UTF8.self)) } ?? 0
        let rest = bytes[(colon.map { $0 + 1 } ?? 0)...]
        let dash = rest.lastIndex(of: UInt8(ascii: "-"))
        upstream = Array(rest[..<(dash ?? rest.endIndex)])
        revision = dash.map { Array(rest[($0 + 1)...]) } ?? []
    }

    public static func < (left: Self, right: Self) -> Bool { left.compared(to: right) < 0 }
    public static func == (left: Self, right: Self) -> Bool { left.compared(to: right) == 0 }

    private func compared(to other: Self) -> Int {
        if epoch != other.epoch { return epoch < other.epoch ? -1 : 1 }
        let order = Self.compare(upstream, other.upstream)
        return order != 0 ? order : Self.compare(revision, other.revision)
    }

    /// Alternately what is no digit, by `weight`, and digits, as numbers of any length.
    private static func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var mine = left[...]
        var theirs = right[...]
        while !mine.isEmpty || !theirs.isEmpty {
            while weight(mine.first) != 0 || weight(theirs.first) != 0 {
                let difference = weight(mine.first) - weight(theirs.first)
                if difference != 0 { return difference }
                mine.removeFirst()
                theirs.removeFirst()
            }
            let number = digits(&mine)
            let other = digits(&theirs)
            if number.count != other.count { return number.count - other.count }
            if number != other { return number.lexicographicallyPrecedes(other) ? -1 : 1 }
        }
        return 0
    }

    /// The end and a digit weigh nothing, `~` less than that, letters less than everything else.
    private static func weight(_ byte: UInt8?) -> Int {
        switch byte {
        case nil, (UInt8(ascii: "0")...UInt8(ascii: "9"))?: 0
        case UInt8(ascii: "~"): -1
        case let letter? where letter | 0x20 >= UInt8(ascii: "a") && letter | 0x20 <= UInt8(ascii: "z"): Int(letter)
        case let other?: Int(other) + 256
        }
    }

    /// Takes a number from the front, without its leading zeros.
    private static func digits(_ bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isDigit = { (byte: UInt8) in byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
        let number = bytes.prefix(while: isDigit)
        bytes = bytes.dropFirst(number.count)
        return number.drop { $0 == UInt8(ascii: "0") }
    }
}
