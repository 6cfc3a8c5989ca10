/// The alphabets of deflate (RFC 1951, sections 3.2.5 to 3.2.7).
enum DeflateCodes {
    /// How many literal and length symbols there are, and how many for distances.
    static let literalCount = 286
    static let distanceCount = 30
    /// In the order in which the lengths of the length code are written.
    static let lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    /// Extra bits of the symbols of the length code: the repetitions have some.
    static let lengthExtra: [UInt8] = Array(repeating: 0, count: 16) + [2, 3, 7]
    /// Extra bits of the literal and length symbols.
    static let literalExtra: [UInt8] =
        Array(repeating: 0, count: 257)
        + [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
    static let distanceExtra: [UInt8] = [
        0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
    ]
    /// The first length, less 3, of each length symbol from 257. The longest match has a symbol of its own.
    static let lengthBase: [Int] = bases(literalExtra[257...].dropLast()) + [255]
    /// The first distance, less 1, of each distance symbol.
    static let distanceBase: [Int] = bases(distanceExtra[...])

    private static func bases(_ extra: ArraySlice<UInt8>) -> [Int] {
        var next = 0
        return extra.map { bits in
            defer { next += 1 << Int(bits) }
            return next
        }
    }

    // MARK: the fixed codes

    private static let fixedLengths: [UInt8] =
        Array(repeating: 8, count: 144) + Array(repeating: 9, count: 112) + Array(repeating: 7, count: 24)
        + Array(repeating: 8, count: 8)
    static let fixedLiterals = HuffmanTree.codes(of: fixedLengths)
    static let fixedDistances = HuffmanTree.codes(of: Array(repeating: 5, count: 30))

    /// The bits that a block takes with the fixed codes, without its first three.
    static func fixedBits(_ literals: HuffmanTree, _ distances: HuffmanTree) -> Int {
        var bits = 0
        for symbol in 0..<286 {
            bits += Int(literals.counted(symbol)) * (Int(fixedLengths[symbol]) + Int(literalExtra[symbol]))
        }
        for symbol in 0..<30 { bits += Int(distances.counted(symbol)) * (5 + Int(distanceExtra[symbol])) }
        return bits
    }
}

/// What is looked up for every symbol, in plain memory: one for each compressor.
final class DeflateTables {
    /// A length or distance symbol: its first value, and how many bits follow it.
    struct Symbol {
        var base: UInt32
        var extra: UInt32
    }

    private let lengthSymbols: UnsafeMutablePointer<UInt16>
    private let distanceSymbols: UnsafeMutablePointer<UInt8>
    /// By length symbol, from 257; lengths less 3.
    let lengths: UnsafeMutablePointer<Symbol>
    /// By distance symbol; distances less 1.
    let distances: UnsafeMutablePointer<Symbol>

    init() {
        lengthSymbols = .allocate(capacity: 256)
        distanceSymbols = .allocate(capacity: 512)
        lengths = .allocate(capacity: DeflateCodes.lengthBase.count)
        distances = .allocate(capacity: DeflateCodes.distanceCount)
        for (index, base) in DeflateCodes.lengthBase.enumerated() {
            lengths[index] = Symbol(base: UInt32(base), extra: UInt32(DeflateCodes.literalExtra[257 + index]))
        }
        for (index, base) in DeflateCodes.distanceBase.enumerated() {
            distances[index] = Symbol(base: UInt32(base), extra: UInt32(DeflateCodes.distanceExtra[index]))
        }
        for length in 0..<256 {
            lengthSymbols[length] = UInt16(257 + (DeflateCodes.lengthBase.lastIndex { $0 <= length } ?? 0))
        }
        for index in 0..<512 {
            // Distances to 256 directly, longer ones by their upper bits.
            let distance = index < 256 ? index : (index - 256) << 7
            distanceSymbols[index] = UInt8(DeflateCodes.distanceBase.lastIndex { $0 <= distance } ?? 0)
        }
    }

    deinit {
        lengthSymbols.deallocate()
        distanceSymbols.deallocate()
        lengths.deallocate()
        distances.deallocate()
    }

    /// The symbol of a match's length, less 3.
    @inline(__always)
    func lengthSymbol(_ length: Int) -> Int { Int(lengthSymbols[length]) }

    /// The symbol of a distance of 1 to 32768.
    @inline(__always)
    func distanceSymbol(_ distance: Int) -> Int {
        let value = distance - 1
        return Int(distanceSymbols[value < 256 ? value : 256 + value >> 7])
    }
}
