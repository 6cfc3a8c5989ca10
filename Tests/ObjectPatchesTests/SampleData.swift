import Glibc

/// Reproducible bytes of several kinds: what compresses well, badly, not at all, and what is nearly the same.
struct SampleData {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    mutating func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 24) } }

    /// Words out of a small vocabulary.
    mutating func text(_ count: Int) -> [UInt8] {
        let words = ["the ", "store ", "keeps ", "every ", "file ", "once\n", "0x1f", " release ", "=", "deployment "]
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += Array(words[below(words.count)].utf8) }
        return Array(bytes.prefix(count))
    }

    /// Something like machine code: instructions with addresses.
    mutating func code(_ count: Int, shift: UInt32 = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        var address: UInt32 = 0x4000
        while bytes.count < count {
            bytes += [0xE8, UInt8(below(4)), 0x48, 0x8B]
            address &+= UInt32(below(400))
            withUnsafeBytes(of: (address &+ shift).littleEndian) { bytes.append(contentsOf: $0) }
        }
        return Array(bytes.prefix(count))
    }

    /// Replaces, removes and adds a few bytes here and there.
    mutating func edited(_ bytes: [UInt8], changes: Int) -> [UInt8] {
        var result = bytes
        for _ in 0..<changes where result.count > 64 {
            let place = below(result.count - 40)
            switch below(3) {
            case 0: result[place] &+= UInt8(1 + below(200))
            case 1: result.removeSubrange(place..<(place + 1 + below(30)))
            default: result.insert(contentsOf: random(1 + below(30)), at: place)
            }
        }
        return result
    }
}
