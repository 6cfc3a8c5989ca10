/// Collects the symbols of a deflate block (RFC 1951, section 3.2) and writes it in the shortest of its three forms, as
/// GNU gzip does.
final class DeflateBlock {
    private static let capacity = 32768
    private static let endSymbol = 256

    private let lengths: UnsafeMutablePointer<UInt8>
    /// 0 for a literal.
    private let distances: UnsafeMutablePointer<UInt16>
    private var count = 0
    private var matchCount = 0
    private var literalTree = HuffmanTree(count: 286, limit: 15)
    private var distanceTree = HuffmanTree(count: 30, limit: 15)
    private var lengthTree = HuffmanTree(count: 19, limit: 7)
    private var output = BitWriter()

    init() {
        lengths = .allocate(capacity: Self.capacity)
        distances = .allocate(capacity: Self.capacity)
        reset()
    }

    deinit {
        lengths.deallocate()
        distances.deallocate()
    }

    private func reset() {
        literalTree.clear()
        distanceTree.clear()
        lengthTree.clear()
        literalTree.frequencies[Self.endSymbol] = 1
        count = 0
        matchCount = 0
    }

    /// Adds a literal.
    ///
    /// - Returns: whether the block is full.
    @inline(__always)
    func add(literal byte: UInt8) -> Bool {
        lengths[count] = byte
        distances[count] = 0
        literalTree.frequencies[Int(byte)] += 1
        count += 1
        return count == Self.capacity - 1
    }

    /// Adds a match of 3 to 258 bytes.
    ///
    /// - Returns: whether the block is full.
    @inline(__always)
    func add(length: Int, distance: Int) -> Bool {
        lengths[count] = UInt8(length - 3)
        distances[count] = UInt16(distance)
        literalTree.frequencies[DeflateCodes.lengthSymbol[length - 3]] += 1
        distanceTree.frequencies[DeflateCodes.distanceSymbol(distance)] += 1
        count += 1
        matchCount += 1
        return count == Self.capacity - 1
    }

    /// gzip's guess, every 4096 symbols, whether to end the block here: few matches, and half the size already.
    @inline(__always)
    func isWorthEnding(after inputLength: Int) -> Bool { count & 0xFFF == 0 && looksGood(inputLength) }

    private func looksGood(_ inputLength: Int) -> Bool {
        var bits = count * 8
        for symbol in 0..<30 {
            bits += Int(distanceTree.frequencies[symbol]) * (5 + Int(DeflateCodes.distanceExtra[symbol]))
        }
        return matchCount < count / 2 && bits >> 3 < inputLength / 2
    }

    /// Hands over the bytes that are complete.
    func drain(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows { try output.drain(body) }

    /// Writes the block and begins the next one.
    ///
    /// - Parameters:
    ///   - length: the bytes that it stands for.
    ///   - bytes: these bytes, while the window has them.
    func end(_ length: Int, _ bytes: UnsafeRawBufferPointer?, isLast: Bool) {
        literalTree.build()
        distanceTree.build()
        let lastLength = buildLengthTree()
        let dynamicBits =
            literalTree.bits(extra: DeflateCodes.literalExtra) + distanceTree.bits(extra: DeflateCodes.distanceExtra)
            + lengthTree.bits(extra: DeflateCodes.lengthExtra) + 3 * (lastLength + 1) + 14
        let fixedBits = DeflateCodes.fixedBits(literalTree, distanceTree)
        let (dynamicSize, fixedSize) = ((dynamicBits + 10) >> 3, (fixedBits + 10) >> 3)
        let last: UInt32 = isLast ? 1 : 0
        if let bytes, length + 4 <= min(dynamicSize, fixedSize) {
            output.add(last, 3)
            output.addStored(bytes)
        } else if fixedSize <= dynamicSize {
            output.add(1 << 1 | last, 3)
            writeSymbols(DeflateCodes.fixedLiterals, DeflateCodes.fixedDistances)
        } else {
            output.add(2 << 1 | last, 3)
            writeTrees(lastLength)
            writeSymbols(literalTree.codes, distanceTree.codes)
        }
        if isLast { output.align() }
        reset()
    }

    /// How the lengths of both codes are written, and the last of those in their odd order that is used.
    private func buildLengthTree() -> Int {
        for tree in [literalTree, distanceTree] {
            tree.forEachRun { symbol, _, times in lengthTree.frequencies[symbol] += UInt16(times) }
        }
        lengthTree.build()
        return (3...18).last { lengthTree.lengths[DeflateCodes.lengthOrder[$0]] != 0 } ?? 3
    }

    private func writeTrees(_ lastLength: Int) {
        output.add(UInt32(literalTree.lastSymbol + 1 - 257), 5)
        output.add(UInt32(distanceTree.lastSymbol + 1 - 1), 5)
        output.add(UInt32(lastLength + 1 - 4), 4)
        for index in 0...lastLength { output.add(UInt32(lengthTree.lengths[DeflateCodes.lengthOrder[index]]), 3) }
        for tree in [literalTree, distanceTree] {
            tree.forEachRun { symbol, extra, times in
                let code = lengthTree.codes[symbol]
                for _ in 0..<times { output.add(code.bits, code.length) }
                if symbol >= 16 { output.add(UInt32(extra), UInt32(DeflateCodes.lengthExtra[symbol])) }
            }
        }
    }

    private func writeSymbols(_ literals: [HuffmanTree.Code], _ distanceCodes: [HuffmanTree.Code]) {
        literals.withUnsafeBufferPointer { literals in
            distanceCodes.withUnsafeBufferPointer { distanceCodes in
                for index in 0..<count { writeSymbol(index, literals, distanceCodes) }
                output.add(literals[Self.endSymbol].bits, literals[Self.endSymbol].length)
            }
        }
    }

    @inline(__always)
    private func writeSymbol(
        _ index: Int, _ literals: UnsafeBufferPointer<HuffmanTree.Code>,
        _ distanceCodes: UnsafeBufferPointer<HuffmanTree.Code>
    ) {
        let value = Int(lengths[index])
        let distance = Int(distances[index])
        if distance == 0 { return output.add(literals[value].bits, literals[value].length) }
        let symbol = DeflateCodes.lengthSymbol[value]
        output.add(literals[symbol].bits, literals[symbol].length)
        let lengthExtra = UInt32(DeflateCodes.literalExtra[symbol])
        if lengthExtra > 0 { output.add(UInt32(value) - UInt32(DeflateCodes.lengthBase[symbol - 257]), lengthExtra) }
        let code = DeflateCodes.distanceSymbol(distance)
        output.add(distanceCodes[code].bits, distanceCodes[code].length)
        let extra = UInt32(DeflateCodes.distanceExtra[code])
        if extra > 0 { output.add(UInt32(distance - 1) - UInt32(DeflateCodes.distanceBase[code]), extra) }
    }
}
