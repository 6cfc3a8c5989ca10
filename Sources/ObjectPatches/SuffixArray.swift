/// The suffixes of some bytes in the order of their content, for finding the longest match of anything in them.
///
/// Built by induced sorting in linear time: G. Nong, S. Zhang, W. H. Chan, "Two Efficient Algorithms for Linear Time
/// Suffix Array Construction", IEEE Transactions on Computers 60 (2011). Takes four bytes for each byte, and five more
/// while it is built.
final class SuffixArray {
    private let positions: UnsafeMutablePointer<Int32>
    let count: Int

    /// - Parameter bytes: at most 2^30.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        count = bytes.count
        positions = .allocate(capacity: max(1, bytes.count))
        if let base = bytes.baseAddress { InducedSorter(base, count: count, symbols: 256, into: positions).sort() }
    }

    deinit { positions.deallocate() }

    @inline(__always)
    subscript(index: Int) -> Int { Int(positions[index]) }
}

/// Sorts the suffixes of a text over a small alphabet.
private struct InducedSorter<Symbol: FixedWidthInteger> {
    private let text: UnsafePointer<Symbol>
    private let count: Int
    private let symbols: Int
    private let order: UnsafeMutablePointer<Int32>

    init(_ text: UnsafePointer<Symbol>, count: Int, symbols: Int, into order: UnsafeMutablePointer<Int32>) {
        self.text = text
        self.count = count
        self.symbols = symbols
        self.order = order
    }

    func sort() {
        if count == 0 { return }
        if count == 1 { return order[0] = 0 }
        // Whether a suffix is smaller than the one after it.
        let isSmall = UnsafeMutablePointer<Bool>.allocate(capacity: count)
        let buckets = UnsafeMutablePointer<Int32>.allocate(capacity: 3 * (symbols + 1))
        defer {
            isSmall.deallocate()
            buckets.deallocate()
        }
        classify(isSmall)
        let largeStarts = buckets
        let smallStarts = buckets + (symbols + 1)
        countBuckets(isSmall, largeStarts, smallStarts)
        let work = Work(
            isSmall: isSmall, largeStarts: largeStarts, smallStarts: smallStarts, next: buckets + 2 * (symbols + 1))

        let leftmost = (1..<count).filter { isSmall[$0] && !isSmall[$0 - 1] }.map(Int32.init)
        leftmost.withUnsafeBufferPointer { induce($0, work) }
        if leftmost.isEmpty { return }
        let sorted = sortLeftmost(leftmost, work)
        sorted.withUnsafeBufferPointer { induce($0, work) }
    }

    private struct Work {
        let isSmall: UnsafeMutablePointer<Bool>
        let largeStarts: UnsafeMutablePointer<Int32>
        let smallStarts: UnsafeMutablePointer<Int32>
        let next: UnsafeMutablePointer<Int32>
    }

    private func classify(_ isSmall: UnsafeMutablePointer<Bool>) {
        isSmall[count - 1] = false
        for index in stride(from: count - 2, through: 0, by: -1) {
            isSmall[index] = text[index] == text[index + 1] ? isSmall[index + 1] : text[index] < text[index + 1]
        }
    }

    /// Where in each symbol's bucket the large suffixes begin, and behind them the small ones.
    private func countBuckets(
        _ isSmall: UnsafeMutablePointer<Bool>, _ large: UnsafeMutablePointer<Int32>,
        _ small: UnsafeMutablePointer<Int32>
    ) {
        large.initialize(repeating: 0, count: symbols + 1)
        small.initialize(repeating: 0, count: symbols + 1)
        for index in 0..<count {
            if isSmall[index] { large[Int(text[index]) + 1] += 1 } else { small[Int(text[index])] += 1 }
        }
        for symbol in 0..<symbols {
            small[symbol] += large[symbol]
            large[symbol + 1] += small[symbol]
        }
    }

    /// Puts the given suffixes into their buckets and derives the order of all others from them.
    private func induce(_ leftmost: UnsafeBufferPointer<Int32>, _ work: Work) {
        let (text, order, next, isSmall) = (text, order, work.next, work.isSmall)
        order.initialize(repeating: -1, count: count)
        next.update(from: work.smallStarts, count: symbols + 1)
        for suffix in leftmost {
            let symbol = Int(text[Int(suffix)])
            order[Int(next[symbol])] = suffix
            next[symbol] += 1
        }
        next.update(from: work.largeStarts, count: symbols + 1)
        let last = Int(text[count - 1])
        order[Int(next[last])] = Int32(count - 1)
        next[last] += 1
        for index in 0..<count {
            let suffix = Int(order[index])
            if suffix >= 1, !isSmall[suffix - 1] {
                let symbol = Int(text[suffix - 1])
                order[Int(next[symbol])] = Int32(truncatingIfNeeded: suffix - 1)
                next[symbol] += 1
            }
        }
        next.update(from: work.largeStarts, count: symbols + 1)
        for index in stride(from: count - 1, through: 0, by: -1) {
            let suffix = Int(order[index])
            if suffix >= 1, isSmall[suffix - 1] {
                let symbol = Int(text[suffix - 1]) + 1
                next[symbol] -= 1
                order[Int(next[symbol])] = Int32(truncatingIfNeeded: suffix - 1)
            }
        }
    }

    /// The leftmost small suffixes in order: names for their pieces, and the same again for the text of names.
    private func sortLeftmost(_ leftmost: [Int32], _ work: Work) -> [Int32] {
        let (names, name) = names(leftmost)
        let sub = UnsafeMutablePointer<Int32>.allocate(capacity: names.count)
        defer { sub.deallocate() }
        names.withUnsafeBufferPointer { names in
            guard let base = names.baseAddress else { return }
            if Int(name) + 1 == names.count {
                for index in 0..<names.count { sub[Int(base[index])] = Int32(index) }
            } else {
                InducedSorter<Int32>(base, count: names.count, symbols: Int(name) + 1, into: sub).sort()
            }
        }
        return (0..<leftmost.count).map { leftmost[Int(sub[$0])] }
    }

    /// Numbers for the pieces in the order of their content, equal ones for equal pieces, and the last number. All else
    /// that this takes is given back before the text of names is sorted.
    private func names(_ leftmost: [Int32]) -> (names: [Int32], last: Int32) {
        // No two of them are neighbours, so that half the positions are enough to tell them apart.
        let number = UnsafeMutablePointer<Int32>.allocate(capacity: count / 2 + 1)
        defer { number.deallocate() }
        number.initialize(repeating: -1, count: count / 2 + 1)
        for (index, suffix) in leftmost.enumerated() { number[Int(suffix) >> 1] = Int32(index) }
        var names = [Int32](repeating: 0, count: leftmost.count)
        var name: Int32 = -1
        var before = 0
        for index in 0..<count where order[index] >= 0 {
            let suffix = Int(order[index])
            let place = Int(number[suffix >> 1])
            guard place >= 0, Int(leftmost[place]) == suffix else { continue }
            if name < 0 || !isSamePiece(before, suffix, leftmost, number) { name += 1 }
            names[place] = name
            before = suffix
        }
        return (names, name)
    }

    /// Whether the pieces that begin at two leftmost small suffixes are equal; a piece ends where the next one begins.
    private func isSamePiece(
        _ a: Int, _ b: Int, _ leftmost: [Int32], _ number: UnsafeMutablePointer<Int32>
    ) -> Bool {
        let (nextA, nextB) = (Int(number[a >> 1]) + 1, Int(number[b >> 1]) + 1)
        let endA = nextA < leftmost.count ? Int(leftmost[nextA]) : count
        let endB = nextB < leftmost.count ? Int(leftmost[nextB]) : count
        guard endA - a == endB - b, endA < count, endB < count else { return false }
        for offset in 0...(endA - a) where text[a + offset] != text[b + offset] { return false }
        return true
    }
}
