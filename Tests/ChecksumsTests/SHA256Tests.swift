import Checksums
import LinuxSystem
import Testing

/// FIPS 180-4 and the vectors that NIST publishes for it.
private let vectors: [(message: String, digest: String)] = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
    (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
]

@Suite struct SHA256Tests {
    @Test("the published vectors", arguments: vectors)
    func vector(message: String, digest: String) {
        #expect(SHA256.hash(Array(message.utf8)).hex == digest)
    }

    @Test("the same bytes in pieces of any size have the same checksum", arguments: [1, 7, 63, 64, 65, 4096])
    func pieces(size: Int) {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var hasher = SHA256()
        for start in stride(from: 0, to: bytes.count, by: size) {
            hasher.update(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(hasher.finish() == SHA256.hash(bytes))
    }

    @Test("a hasher that is used again knows nothing of the message before")
    func reuse() {
        var hasher = SHA256()
        for (message, digest) in vectors {
            hasher.update(Array(message.utf8))
            #expect(hasher.finish().hex == digest)
        }
        #expect(hasher.finish() == SHA256.hash([]))
    }

    @Test("empty updates change nothing")
    func emptyUpdate() {
        var hasher = SHA256()
        hasher.update([])
        hasher.update(UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(hasher.finish() == SHA256.hash([]))
    }

    @Test("hashers on many threads do not disturb each other")
    func threads() throws {
        try Workers.run(8) { index, _ in
            let bytes = [UInt8](repeating: UInt8(index), count: 5000)
            let expected = SHA256.hash(bytes)
            for _ in 0..<200 { #expect(SHA256.hash(bytes) == expected) }
        }
    }
}
