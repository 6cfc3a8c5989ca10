/// A Huffman code of limited length, made as gzip makes it: where several codes are optimal, the same one.
struct HuffmanTree {
    /// The bits of a symbol, the first one lowest, and how many they are.
    struct Code {
        var bits: UInt32 = 0
        var length: UInt32 = 0
    }

    private var frequencies: [UInt16]
    private(set) var lengths: [UInt8]
    private(set) var codes: [Code] = []
    /// The highest symbol that has a code.
    private(set) var lastSymbol = 0
    private let count: Int
    private let limit: Int
    /// Symbols that got a code only because a code has at least two: they do not occur.
    private var forced: [Int] = []

    init(count: Int, limit: Int) {
        self.count = count
        self.limit = limit
        frequencies = Array(repeating: 0, count: count)
        lengths = Array(repeating: 0, count: count)
    }

    /// How often a symbol really occurs.
    func counted(_ symbol: Int) -> UInt16 { forced.contains(symbol) ? 0 : frequencies[symbol] }

    /// The bits that all occurrences take, with what follows the symbols.
    func bits(extra: [UInt8]) -> Int {
        var sum = 0
        for symbol in 0..<count { sum += Int(frequencies[symbol]) * (Int(lengths[symbol]) + Int(extra[symbol])) }
        // A code for a symbol that does not occur was counted with one bit too many.
        return sum - forced.count
    }

    /// Finds the lengths and codes.
    ///
    /// - Parameter counts: how often each symbol occurs.
    mutating func build(_ counts: UnsafePointer<UInt16>) {
        for symbol in 0..<count { frequencies[symbol] = counts[symbol] }
        forced = []
        var heap = SymbolHeap(count: count)
        lastSymbol = -1
        for symbol in 0..<count where frequencies[symbol] != 0 {
            heap.push(symbol, frequencies[symbol])
            lastSymbol = symbol
        }
        while heap.size < 2 {
            let symbol = lastSymbol < 2 ? lastSymbol + 1 : 0
            if lastSymbol < 2 { lastSymbol += 1 }
            frequencies[symbol] = 1
            forced.append(symbol)
            heap.push(symbol, 1)
        }
        lengths = heap.lengths(limit: limit)
        codes = Self.codes(of: lengths)
    }

    /// The canonical codes of given lengths (RFC 1951, section 3.2.2).
    static func codes(of lengths: [UInt8]) -> [Code] {
        var next = [UInt32](repeating: 0, count: 17)
        for length in lengths where length > 0 { next[Int(length) + 1] += 1 }
        var first: UInt32 = 0
        for length in 1...15 {
            first = (first + next[length]) << 1
            next[length] = first
        }
        return lengths.map { length in
            guard length > 0 else { return Code() }
            defer { next[Int(length)] += 1 }
            return Code(bits: reversed(next[Int(length)], Int(length)), length: UInt32(length))
        }
    }

    private static func reversed(_ value: UInt32, _ count: Int) -> UInt32 {
        var (rest, result) = (value, UInt32(0))
        for _ in 0..<count {
            result = result << 1 | rest & 1
            rest >>= 1
        }
        return result
    }

    /// The lengths in the form in which a block holds them: symbols of the length code, with the extra value of a
    /// repetition, and how often the symbol is written in a row.
    func forEachRun(_ body: (_ symbol: Int, _ extra: Int, _ times: Int) -> Void) {
        var previous = -1
        var symbol = 0
        while symbol <= lastSymbol {
            let current = Int(lengths[symbol])
            let most = current == 0 ? 138 : current == previous ? 6 : 7
            let least = current == 0 || current == previous ? 3 : 4
            var run = 1
            while run < most, symbol + run <= lastSymbol, Int(lengths[symbol + run]) == current { run += 1 }
            if run < least {
                body(current, 0, run)
            } else if current != 0 {
                if current != previous { body(current, 0, 1) }
                body(16, run - (current != previous ? 1 : 0) - 3, 1)
            } else {
                body(run <= 10 ? 17 : 18, run <= 10 ? run - 3 : run - 11, 1)
            }
            previous = current
            symbol += run
        }
    }
}

/// Joins the two rarest nodes until one is left. Of nodes that are equally rare the shallower comes first.
private struct SymbolHeap {
    private let count: Int
    /// From 1, as a heap likes it.
    private var heap: [Int] = [0]
    private var weights: [UInt32]
    private var depths: [Int]
    private var parents: [Int]

    init(count: Int) {
        self.count = count
        weights = Array(repeating: 0, count: 2 * count + 1)
        depths = Array(repeating: 0, count: 2 * count + 1)
        parents = Array(repeating: 0, count: 2 * count + 1)
        heap.reserveCapacity(count + 1)
    }

    var size: Int { heap.count - 1 }

    /// Adds a leaf; the heap is put in order later.
    mutating func push(_ symbol: Int, _ weight: UInt16) {
        heap.append(symbol)
        weights[symbol] = UInt32(weight)
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        weights[a] < weights[b] || weights[a] == weights[b] && depths[a] <= depths[b]
    }

    private mutating func sift(_ start: Int) {
        var place = start
        let node = heap[place]
        while 2 * place <= size {
            var child = 2 * place
            if child < size, precedes(heap[child + 1], heap[child]) { child += 1 }
            if precedes(node, heap[child]) { break }
            heap[place] = heap[child]
            place = child
        }
        heap[place] = node
    }

    /// The nodes from the root down, as they were joined.
    private mutating func join() -> [Int] {
        var order: [Int] = []
        for place in stride(from: size / 2, through: 1, by: -1) { sift(place) }
        var node = count
        repeat {
            let first = heap[1]
            heap[1] = heap.removeLast()
            sift(1)
            let second = heap[1]
            order += [first, second]
            weights[node] = weights[first] + weights[second]
            depths[node] = max(depths[first], depths[second]) + 1
            parents[first] = node
            parents[second] = node
            heap[1] = node
            node += 1
            sift(1)
        } while size >= 2
        return [heap[1]] + order.reversed()
    }

    /// The length of each symbol's code. Where it would pass the limit, leaves move in the order of their rarity.
    mutating func lengths(limit: Int) -> [UInt8] {
        let order = join()
        var lengths = [Int](repeating: 0, count: 2 * count + 1)
        var counts = [Int](repeating: 0, count: limit + 1)
        var overflow = 0
        for node in order.dropFirst() {
            let length = lengths[parents[node]] + 1
            if length > limit { overflow += 1 }
            lengths[node] = min(length, limit)
            if node < count { counts[lengths[node]] += 1 }
        }
        if overflow > 0 {
            Self.shorten(&counts, limit, overflow)
            assign(counts, order, &lengths)
        }
        return lengths[..<count].map { UInt8($0) }
    }

    private static func shorten(_ counts: inout [Int], _ limit: Int, _ overflow: Int) {
        var rest = overflow
        while rest > 0 {
            let length = (1..<limit).last { counts[$0] > 0 } ?? 1
            counts[length] -= 1
            counts[length + 1] += 2
            counts[limit] -= 1
            rest -= 2
        }
    }

    private func assign(_ counts: [Int], _ order: [Int], _ lengths: inout [Int]) {
        var leaves = order.reversed().filter { $0 < count }[...]
        for length in stride(from: counts.count - 1, to: 0, by: -1) {
            for node in leaves.prefix(counts[length]) { lengths[node] = length }
            leaves = leaves.dropFirst(counts[length])
        }
    }
}
