/// A SHA-256 digest: the name of an object.
public struct Checksum: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The 32 bytes, big-endian in four words so that comparing is cheap.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// From exactly 32 bytes; `nil` for any other count.
    public init?(bytes: some Collection<UInt8>) {
        // Trees hold many: byte by byte, code that does not know the collection's type takes longer than the rest.
        let stored = bytes.withContiguousStorageIfAvailable { Checksum(raw: UnsafeRawBufferPointer($0)) }
        guard let checksum = stored ?? Array(bytes).withUnsafeBytes({ Checksum(raw: $0) }) else { return nil }
        self = checksum
    }

    /// From exactly 32 bytes in memory; `nil` for any other count. For readers of whole stores.
    public init?(raw bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 32 else { return nil }
        let word = { (index: Int) in
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// From exactly 64 lower-case hexadecimal digits; `nil` for anything else.
    public init?(hex: some StringProtocol) {
        var text = String(hex)
        guard let checksum = text.withUTF8({ Self(hexDigits: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = checksum
    }

    /// From exactly 64 lower-case hexadecimal digits in memory; `nil` for anything else.
    public init?(hexDigits digits: UnsafeRawBufferPointer) {
        guard digits.count == 64 else { return nil }
        var isValid = true
        func word(_ index: Int) -> UInt64 {
            var value: UInt64 = 0
            for digit in digits[(index * 16)..<(index * 16 + 16)] {
                switch digit {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
                case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
                default: isValid = false
                }
            }
            return value
        }
        words = (word(0), word(1), word(2), word(3))
        guard isValid else { return nil }
    }

    /// The 32 bytes.
    public var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
        }
    }

    /// 64 lower-case hexadecimal digits.
    public var hex: String {
        String(unsafeUninitializedCapacity: 64) { buffer in
            let digits: StaticString = "0123456789abcdef"
            var index = 0
            for word in [words.0, words.1, words.2, words.3] {
                for shift in stride(from: 60, through: 0, by: -4) {
                    buffer[index] = digits.utf8Start[Int(word >> UInt64(shift) & 15)]
                    index += 1
                }
            }
            return 64
        }
    }

    public var description: String { hex }

    public static func == (left: Self, right: Self) -> Bool { left.words == right.words }
    public static func < (left: Self, right: Self) -> Bool { left.words < right.words }
    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
