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
    /// Plain memory: every symbol is counted here, and arrays of other objects would be checked each time.
    private let literalCounts: UnsafeMutablePointer<UInt16>
    private let distanceCounts: UnsafeMutablePointer<UInt16>
    private var literalTree = HuffmanTree(count: DeflateCodes.literalCount, limit: 15)
    private var distanceTree = HuffmanTree(count: DeflateCodes.distanceCount, limit: 15)
    private var lengthTree = HuffmanTree(count: 19, limit: 7)
    private var output = BitWriter()
    private let tables = DeflateTables()

    init() {
        lengths = .allocate(capacity: Self.capacity)
        distances = .allocate(capacity: Self.capacity)
        literalCounts = .allocate(capacity: DeflateCodes.literalCount)
        distanceCounts = .allocate(capacity: DeflateCodes.distanceCount)
        reset()
    }

    deinit {
        lengths.deallocate()
        distances.deallocate()
        literalCounts.deallocate()
        distanceCounts.deallocate()
    }

    private func reset() {
        literalCounts.initialize(repeating: 0, count: DeflateCodes.literalCount)
        distanceCounts.initialize(repeating: 0, count: DeflateCodes.distanceCount)
        literalCounts[Self.endSymbol] = 1
        count = 0
        matchCount = 0
    }

    /// Adds a literal, or the match of 3 to 258 bytes whose length is `length` + 3.
    ///
    /// - Parameter distance: 0 for a literal.
    /// - Returns: whether the block is full.
    @inline(__always)
    func add(_ length: UInt8, _ distance: UInt16) -> Bool {
        lengths[count] = length
        distances[count] = distance
        count &+= 1
        if distance == 0 {
            literalCounts[Int(length)] &+= 1
        } else {
            literalCounts[tables.lengthSymbol(Int(length))] &+= 1
            distanceCounts[tables.distanceSymbol(Int(distance))] &+= 1
            matchCount &+= 1
        }
        return count == Self.capacity - 1
    }

    /// gzip's guess, every 4096 symbols, whether to end the block here: few matches, and half the size already.
    @inline(__always)
    func isWorthEnding(after inputLength: Int) -> Bool { count & 0xFFF == 0 && looksGood(inputLength) }

    private func looksGood(_ inputLength: Int) -> Bool {
        var bits = count * 8
        for symbol in 0..<30 {
            bits += Int(distanceCounts[symbol]) * (5 + Int(DeflateCodes.distanceExtra[symbol]))
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
        literalTree.build(literalCounts)
        distanceTree.build(distanceCounts)
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
        var counts = [UInt16](repeating: 0, count: 19)
        for tree in [literalTree, distanceTree] {
            tree.forEachRun { symbol, _, times in counts[symbol] += UInt16(times) }
        }
        counts.withUnsafeBufferPointer { if let base = $0.baseAddress { lengthTree.build(base) } }
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
        // Taken out, so that not every symbol checks for other users of it.
        var writer = BitWriter()
        swap(&writer, &output)
        literals.withUnsafeBufferPointer { literals in
            distanceCodes.withUnsafeBufferPointer { distanceCodes in
                for index in 0..<count { write(index, literals, distanceCodes, to: &writer) }
                writer.add(literals[Self.endSymbol].bits, literals[Self.endSymbol].length)
            }
        }
        swap(&writer, &output)
    }

    @inline(__always)
    private func write(
        _ index: Int, _ literals: UnsafeBufferPointer<HuffmanTree.Code>,
        _ distanceCodes: UnsafeBufferPointer<HuffmanTree.Code>, to output: inout BitWriter
    ) {
        let value = Int(lengths[index])
        let distance = Int(distances[index])
        if distance == 0 { return output.add(literals[value].bits, literals[value].length) }
        let symbol = tables.lengthSymbol(value)
        output.add(literals[symbol].bits, literals[symbol].length)
        let length = tables.lengths[symbol - 257]
        output.add(UInt32(value) - length.base, length.extra)
        let code = tables.distanceSymbol(distance)
        output.add(distanceCodes[code].bits, distanceCodes[code].length)
        let far = tables.distances[code]
        output.add(UInt32(distance - 1) - far.base, far.extra)
    }
}
