import Glibc

/// Bytes where a target's content occurs in a source.
struct Match {
    var position: Int
    var length: Int
}

/// Finds the source's bytes that are most like what stands at a place of the target.
protocol MatchFinder {
    /// A long match of the target's bytes from `place` on; its length is 0 when there is none.
    func match(_ target: UnsafeBufferPointer<UInt8>, at place: Int) -> Match
}

/// The length of the common beginning of two byte strings of at most `limit` bytes.
@inline(__always)
func commonLength(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ limit: Int) -> Int {
    var length = 0
    while length + 8 <= limit {
        let x = UnsafeRawPointer(a + length).loadUnaligned(as: UInt64.self)
        let y = UnsafeRawPointer(b + length).loadUnaligned(as: UInt64.self)
        if x != y { return length + (UInt64(littleEndian: x) ^ UInt64(littleEndian: y)).trailingZeroBitCount >> 3 }
        length += 8
    }
    while length < limit, a[length] == b[length] { length += 1 }
    return length
}

/// Finds the longest match there is, by bisection of a suffix array.
struct SuffixMatchFinder: MatchFinder {
    private let source: UnsafeBufferPointer<UInt8>
    private let suffixes: SuffixArray
    /// Where in the array the suffixes begin that start with two given bytes.
    private let starts: [Int32]

    init(_ source: UnsafeBufferPointer<UInt8>) {
        self.source = source
        suffixes = SuffixArray(source)
        starts = Self.starts(source)
    }

    /// Bisection over all suffixes would begin with sixteen steps that a table answers.
    private static func starts(_ source: UnsafeBufferPointer<UInt8>) -> [Int32] {
        var starts = [Int32](repeating: 0, count: 65537)
        guard let base = source.baseAddress, source.count > 1 else { return starts }
        for index in 0..<(source.count - 1) { starts[Int(base[index]) << 8 + Int(base[index + 1]) + 1] += 1 }
        // The suffix of the last byte alone precedes all longer ones that begin with it.
        starts[Int(base[source.count - 1]) << 8] += 1
        for index in 1...65536 { starts[index] += starts[index - 1] }
        return starts
    }

    func match(_ target: UnsafeBufferPointer<UInt8>, at place: Int) -> Match {
        guard let base = target.baseAddress, let source = source.baseAddress, target.count - place >= 2 else {
            return Match(position: 0, length: 0)
        }
        let wanted = base + place
        let available = target.count - place
        let pair = Int(wanted[0]) << 8 + Int(wanted[1])
        var (low, high) = (Int(starts[pair]), Int(starts[pair + 1]))
        var best = Match(position: 0, length: 0)
        // What the bounds have in common with the target, all between them has, too.
        var (lowLength, highLength) = (0, 0)
        while low < high {
            let middle = (low + high) >> 1
            let suffix = suffixes[middle]
            let limit = min(available, self.source.count - suffix)
            let known = min(min(lowLength, highLength), limit)
            let length = known + commonLength(wanted + known, source + suffix + known, limit - known)
            if length > best.length { best = Match(position: suffix, length: length) }
            if length == available { return best }
            if length == self.source.count - suffix || source[suffix + length] < wanted[length] {
                low = middle + 1
                lowLength = length
            } else {
                high = middle
                highLength = length
            }
        }
        return best
    }
}

/// Finds matches of at least 24 bytes by hashes of blocks, in memory that is half of the source: for what is too large
/// for a suffix array.
struct BlockMatchFinder: MatchFinder {
    private let source: UnsafeBufferPointer<UInt8>
    /// By hash, the number of the first block with it, plus 1.
    private let table: [UInt32]
    private let shift: UInt64
    private static let step = 8
    private static let blockSize = 16

    init(_ source: UnsafeBufferPointer<UInt8>) {
        self.source = source
        let blocks = max(1, source.count / Self.step)
        let bits = max(10, min(26, 65 - UInt64(blocks).leadingZeroBitCount))
        shift = UInt64(64 - bits)
        var table = [UInt32](repeating: 0, count: 1 << bits)
        if let base = source.baseAddress, source.count >= Self.blockSize {
            for place in stride(from: 0, through: source.count - Self.blockSize, by: Self.step) {
                let slot = Self.hash(base + place) >> shift
                if table[Int(slot)] == 0 { table[Int(slot)] = UInt32(place / Self.step) + 1 }
            }
        }
        self.table = table
    }

    @inline(__always)
    private static func hash(_ bytes: UnsafePointer<UInt8>) -> UInt64 {
        let raw = UnsafeRawPointer(bytes)
        let a = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
        let b = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        let mixed = (a &* 0x9E37_79B9_7F4A_7C15) ^ (b &* 0xC2B2_AE3D_27D4_EB4F)
        return (mixed ^ mixed >> 29) &* 0xBF58_476D_1CE4_E5B9
    }

    func match(_ target: UnsafeBufferPointer<UInt8>, at place: Int) -> Match {
        let none = Match(position: 0, length: 0)
        guard let base = target.baseAddress, let source = source.baseAddress,
            target.count - place >= Self.blockSize
        else { return none }
        let block = table[Int(Self.hash(base + place) >> shift)]
        if block == 0 { return none }
        let position = (Int(block) - 1) * Self.step
        let limit = min(target.count - place, self.source.count - position)
        let length = commonLength(base + place, source + position, limit)
        return length >= Self.blockSize ? Match(position: position, length: length) : none
    }
}
