import ObjectFormats
import Testing

/// Damaged bytes may be refused or read as something else, but they never end the process.
@Suite struct FuzzTests {
    private static let decoders: [(String, @Sendable ([UInt8]) throws -> Void, [UInt8])] = [
        ("commit", { _ = try Commit(decoding: $0) }, Sample.commit.encode()),
        ("dirtree", { _ = try DirectoryTree(decoding: $0) }, Sample.tree(entries: 12).encode()),
        ("large dirtree", { _ = try DirectoryTree(decoding: $0) }, Sample.tree(entries: 900).encode()),
        ("dirmeta", { _ = try DirectoryMetadata(decoding: $0) }, DirectoryMetadata(Sample.attributes).encode()),
        (
            "archive header", { _ = try FileHeader.decode(archive: $0) },
            Array(FileHeader(attributes: Sample.attributes, content: .regular).archivePrefix(size: 9).dropFirst(8))
        ),
        (
            "commitmeta", { _ = try DetachedMetadata.signatures(in: $0) },
            DetachedMetadata.encode(signatures: [Array(repeating: 9, count: 64), Array(repeating: 8, count: 64)])
        ),
    ]

    /// Always the same sequence, so that a failure can be repeated.
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    private func attempt(_ index: Int, _ bytes: [UInt8]) -> Bool {
        do { try Self.decoders[index].1(bytes) } catch is FormatError { return false } catch {
            Issue.record("\(Self.decoders[index].0): \(error)")
        }
        return true
    }

    @Test("5,000 random bit flips in each kind of object end in a value or a FormatError", arguments: 0..<6)
    func flips(index: Int) {
        var random = Random(state: UInt64(index) + 1)
        var refusals = 0
        for _ in 0..<(Self.decoders[index].2.count > 10_000 ? 300 : 5000) {
            var bytes = Self.decoders[index].2
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            if !attempt(index, bytes) { refusals += 1 }
        }
        #expect(refusals > 0)
    }

    @Test("damaged framing at the end of each kind of object ends in a value or a FormatError", arguments: 0..<6)
    func framing(index: Int) {
        var random = Random(state: 77)
        for _ in 0..<(Self.decoders[index].2.count > 10_000 ? 300 : 3000) {
            var bytes = Self.decoders[index].2
            let place = bytes.count - Int.random(in: 1...min(24, bytes.count), using: &random)
            bytes[place] = UInt8.random(in: 0...255, using: &random)
            _ = attempt(index, bytes)
        }
    }

    @Test("a cut at any byte of each kind of object ends in a value or a FormatError", arguments: 0..<6)
    func truncations(index: Int) {
        let bytes = Self.decoders[index].2
        for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 2000)) {
            _ = attempt(index, Array(bytes.prefix(count)))
        }
    }

    @Test("20,000 strings of random bytes end in a value or a FormatError")
    func noise() {
        var random = Random(state: 4711)
        for round in 0..<20_000 {
            let count = Int.random(in: 0...(round % 100 == 0 ? 70_000 : 90), using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = attempt(round % 6, bytes)
        }
    }
}
