/// Compresses as GNU gzip does, bit for bit, at its levels 4 to 9, so that what gzip made can be made again.
///
/// zlib is no substitute: it ends its blocks elsewhere and hashes more bits, so that it makes other streams of the same
/// data. This is written after the description of the method in RFC 1951 and gzip's documented behaviour: hash chains
/// over a window of 32 KiB, lazy evaluation, blocks of at most 32,767 symbols that end early where their statistics
/// look good. Whoever uses it compares once: a publisher offers only what came out identical.
final class GzipDeflater {
    /// How long to search: at most `chain` candidates, a quarter of them once a match is `good`; a match of `nice` bytes
    /// ends the search; one longer than `lazy` is taken without looking at the next position.
    private struct Effort {
        let good: Int
        let lazy: Int
        let nice: Int
        let chain: Int
    }

    private static let efforts: [Int: Effort] = [
        4: Effort(good: 4, lazy: 4, nice: 16, chain: 16), 5: Effort(good: 8, lazy: 16, nice: 32, chain: 32),
        6: Effort(good: 8, lazy: 16, nice: 128, chain: 128), 7: Effort(good: 8, lazy: 32, nice: 128, chain: 256),
        8: Effort(good: 32, lazy: 128, nice: 258, chain: 1024), 9: Effort(good: 32, lazy: 258, nice: 258, chain: 4096),
    ]

    static let levels = 4...9
    private static let windowSize = 32768
    private static let mask = windowSize - 1
    private static let minimumMatch = 3
    private static let maximumMatch = 258
    private static let minimumLookahead = maximumMatch + minimumMatch + 1
    private static let maximumDistance = windowSize - minimumLookahead
    /// A match of three bytes from farther away costs more than three literals.
    private static let tooFar = 4096

    private let effort: Effort
    private let window: UnsafeMutablePointer<UInt8>
    private let heads: UnsafeMutablePointer<UInt16>
    private let links: UnsafeMutablePointer<UInt16>
    private let block: DeflateBlock
    private var hash = 0
    private var position = 0
    private var lookahead = 0
    private var blockStart = 0
    private var matchStart = 0
    private var matchLength = minimumMatch - 1
    private var isLiteralPending = false
    private var isStarted = false

    init(level: Int) {
        guard let effort = Self.efforts[level] else { preconditionFailure("gzip has no such level here") }
        self.effort = effort
        // Comparisons of eight bytes may reach beyond the window.
        window = .allocate(capacity: 2 * Self.windowSize + Self.maximumMatch + 8)
        window.initialize(repeating: 0, count: 2 * Self.windowSize + Self.maximumMatch + 8)
        heads = .allocate(capacity: Self.windowSize)
        heads.initialize(repeating: 0, count: Self.windowSize)
        links = .allocate(capacity: Self.windowSize)
        links.initialize(repeating: 0, count: Self.windowSize)
        block = DeflateBlock()
    }

    deinit {
        window.deallocate()
        heads.deallocate()
        links.deallocate()
    }

    /// Takes in bytes and hands over what is complete.
    func append(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        var rest = bytes
        while !rest.isEmpty {
            if position >= Self.windowSize + Self.maximumDistance, lookahead < Self.minimumLookahead { slide() }
            let end = position + lookahead
            let count = min(rest.count, 2 * Self.windowSize - end)
            if let source = rest.baseAddress { memoryCopy(window + end, source, count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            lookahead += count
            if !isStarted, lookahead >= Self.minimumMatch { start() }
            while lookahead >= Self.minimumLookahead { step() }
            try block.drain(body)
        }
    }

    /// Ends the stream.
    func finish(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        // gzip clears what the hash of the last positions reads.
        window[position + lookahead] = 0
        window[position + lookahead + 1] = 0
        if !isStarted { start() }
        while lookahead > 0 { step() }
        if isLiteralPending { _ = block.add(literal: window[position - 1]) }
        endBlock(isLast: true)
        try block.drain(body)
    }

    private func memoryCopy(_ target: UnsafeMutablePointer<UInt8>, _ source: UnsafeRawPointer, _ count: Int) {
        UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count)
    }

    private func start() {
        isStarted = true
        hash = (Int(window[0]) << 5) ^ Int(window[1])
    }

    /// The hash is that of three bytes: five new bits for each, of fifteen.
    @inline(__always)
    private func insert(_ place: Int) -> Int {
        hash = ((hash << 5) ^ Int(window[place + 2])) & Self.mask
        let head = heads[hash]
        links[place & Self.mask] = head
        heads[hash] = UInt16(truncatingIfNeeded: place)
        return Int(head)
    }

    /// Moves the upper half of the window down. A position that falls out becomes 0, which stands for none.
    private func slide() {
        let size = Self.windowSize
        memoryCopy(window, window + size, size)
        matchStart -= size
        position -= size
        blockStart -= size
        for table in [heads, links] {
            for index in 0..<size {
                let value = table[index]
                table[index] = value >= UInt16(size) ? value - UInt16(size) : 0
            }
        }
    }

    /// Looks at one position, with the match of the position before it in mind.
    private func step() {
        let head = insert(position)
        let previousLength = matchLength
        let previousStart = matchStart
        matchLength = Self.minimumMatch - 1
        if head != 0, previousLength < effort.lazy, position - head <= Self.maximumDistance {
            matchLength = min(longestMatch(head, previousLength), lookahead)
            if matchLength == Self.minimumMatch, position - matchStart > Self.tooFar { matchLength -= 1 }
        }
        if previousLength >= Self.minimumMatch, matchLength <= previousLength {
            take(previousLength, from: previousStart)
        } else {
            if isLiteralPending, addLiteral(window[position - 1]) { endBlock() }
            isLiteralPending = true
            position += 1
            lookahead -= 1
        }
    }

    private func addLiteral(_ byte: UInt8) -> Bool {
        let isFull = block.add(literal: byte)
        return isFull || block.isWorthEnding(after: position - blockStart)
    }

    /// Emits the match that began one position ago.
    private func take(_ length: Int, from start: Int) {
        let isFull = block.add(length: length, distance: position - 1 - start)
        let isOver = isFull || block.isWorthEnding(after: position - blockStart)
        lookahead -= length - 1
        for _ in 0..<(length - 2) {
            position += 1
            _ = insert(position)
        }
        isLiteralPending = false
        matchLength = Self.minimumMatch - 1
        position += 1
        if isOver { endBlock() }
    }

    private func endBlock(isLast: Bool = false) {
        let length = position - blockStart
        let bytes = blockStart >= 0 ? UnsafeRawBufferPointer(start: window + blockStart, count: length) : nil
        block.end(length, bytes, isLast: isLast)
        blockStart = position
    }

    /// The longest match for the present position that is longer than `previous`, along the chain from `head`;
    /// of two that are equally long the nearer one.
    private func longestMatch(_ head: Int, _ previous: Int) -> Int {
        let (window, links, nice) = (window, links, effort.nice)
        var chain = previous >= effort.good ? effort.chain >> 2 : effort.chain
        let limit = max(0, position - Self.maximumDistance)
        let scan = window + position
        var best = previous
        var candidate = head
        var found = matchStart
        var end = loadPair(scan + best - 1)
        let begin = loadPair(scan)
        repeat {
            let match = window + candidate
            if loadPair(match + best - 1) == end, loadPair(match) == begin {
                let length = commonLength(scan, match)
                if length > best {
                    found = candidate
                    best = length
                    if length >= nice { break }
                    end = loadPair(scan + best - 1)
                }
            }
            candidate = Int(links[candidate & Self.mask])
            chain &-= 1
        } while candidate > limit && chain != 0
        matchStart = found
        return best
    }

    @inline(__always)
    private func loadPair(_ pointer: UnsafeMutablePointer<UInt8>) -> UInt16 {
        UnsafeRawPointer(pointer).loadUnaligned(as: UInt16.self)
    }

    @inline(__always)
    private func commonLength(_ a: UnsafeMutablePointer<UInt8>, _ b: UnsafeMutablePointer<UInt8>) -> Int {
        var length = 0
        while length < Self.maximumMatch {
            let x = UnsafeRawPointer(a + length).loadUnaligned(as: UInt64.self)
            let y = UnsafeRawPointer(b + length).loadUnaligned(as: UInt64.self)
            if x != y {
                length += (UInt64(littleEndian: x) ^ UInt64(littleEndian: y)).trailingZeroBitCount >> 3
                break
            }
            length += 8
        }
        return min(length, Self.maximumMatch)
    }
}
