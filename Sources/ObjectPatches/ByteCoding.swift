import Checksums

/// Writes the numbers of the patch formats: bytes, little-endian words, and varints of seven bits a byte, low bits first.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add(byte: UInt8) { bytes.append(byte) }
    mutating func add(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    mutating func add(word: UInt32) {
        withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func add(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func add(count: Int) { add(varint: UInt64(count)) }

    /// Small numbers of either sign stay short: 0, -1, 1, -2 become 0, 1, 2, 3.
    mutating func add(signed value: Int64) { add(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }
}

/// Reads what a `ByteWriter` wrote. Every step is checked: a signed index can still be a malformed one.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0
    private let what: String

    /// - Parameter bytes: must outlive the reader.
    init(_ bytes: UnsafeRawBufferPointer, what: String) {
        self.bytes = bytes
        self.what = what
    }

    var isAtEnd: Bool { position == bytes.count }

    func malformed(_ detail: String) -> PatchError { .malformed(what: what, detail: detail) }

    mutating func byte() throws(PatchError) -> UInt8 {
        guard position < bytes.count else { throw malformed("it ends too early") }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func word() throws(PatchError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw malformed("it ends too early") }
        defer { position += 4 }
        return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }

    mutating func varint() throws(PatchError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            // The tenth byte holds the last bit.
            guard shift < 63 || next <= 1 else { throw malformed("a number is too large") }
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 {
                guard next != 0 || shift == 0 else { throw malformed("a number is longer than it needs to be") }
                return value
            }
            shift += 7
        }
    }

    mutating func signed() throws(PatchError) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A varint of at most `limit`.
    mutating func count(_ limit: Int, _ name: String) throws(PatchError) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else { throw malformed("\(value) \(name) are more than \(limit)") }
        return Int(value)
    }

    mutating func checksum() throws(PatchError) -> Checksum {
        guard bytes.count - position >= 32, let checksum = Checksum(bytes: bytes[position..<(position + 32)]) else {
            throw malformed("it ends too early")
        }
        position += 32
        return checksum
    }
}
