import Checksums
import Testing

private let text = "00ff102030405060708090a0b0c0d0e0f0e1d2c3b4a5968778695a4b3c2d1e0f"

/// 63 good digits.
private let begun = String(text.dropLast())

/// What is not 64 lower-case digits, some of it 64 bytes long.
private let malformed: [String] = [
    "", begun, "\(text)0", text.uppercased(), "\(begun)g", "\(begun) ", "\(begun)F", "\(text.dropLast(2))é",
    "\(begun)\0",
    "\(begun)\n", "0x\(text.dropFirst(2))", "\(begun)/", "\(begun):", "\(begun)`",
]

@Suite struct ChecksumTests {
    @Test("64 lower-case digits are read and written back")
    func roundTrip() {
        let checksum = Checksum(hex: text)
        #expect(checksum?.hex == text)
        #expect(checksum.map { "\($0)" } == text)
        #expect(Checksum(hex: "xx\(text)"[...].dropFirst(2)) == checksum)
    }

    @Test("what is not 64 lower-case digits is refused", arguments: malformed.indices)
    func refusedText(_ index: Int) {
        #expect(Checksum(hex: malformed[index]) == nil)
    }

    @Test("32 bytes are taken in and given back")
    func bytes() {
        let bytes = (0..<32).map { UInt8(255 - $0 * 8) }
        #expect(Checksum(bytes: bytes)?.bytes == bytes)
        #expect(Checksum(bytes: bytes[...])?.bytes == bytes)
        #expect(Checksum(hex: text).flatMap { Checksum(bytes: $0.bytes) }?.hex == text)
    }

    @Test("any other count of bytes is refused", arguments: [0, 1, 31, 33, 64])
    func refusedCount(_ count: Int) {
        #expect(Checksum(bytes: [UInt8](repeating: 0, count: count)) == nil)
    }

    @Test("checksums are ordered as their bytes and as their digits are")
    func order() throws {
        let checksums = (0..<200).map { SHA256.hash([UInt8($0)]) }.sorted()
        for (left, right) in zip(checksums, checksums.dropFirst()) {
            #expect(left.bytes.lexicographicallyPrecedes(right.bytes))
            #expect(left.hex < right.hex)
        }
    }

    @Test("the order goes by every byte, the first ones first", arguments: 0..<32)
    func orderOfByte(_ index: Int) throws {
        var bytes = [UInt8](repeating: 0x80, count: 32)
        let middle = try #require(Checksum(bytes: bytes))
        bytes[index] = 0xff
        let larger = try #require(Checksum(bytes: bytes))
        bytes[index] = 0x7f
        let smaller = try #require(Checksum(bytes: bytes))
        #expect(smaller < middle && middle < larger && smaller != middle)
    }

    @Test("equal checksums are one member of a set, different ones are two")
    func hashing() {
        let messages: [[UInt8]] = [[1], [2], [1]]
        #expect(Set(messages.map { SHA256.hash($0) }).count == 2)
    }
}
