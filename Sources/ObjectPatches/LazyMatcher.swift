/// Finds the repetitions in some bytes as GNU gzip does at its levels 4 to 9.
///
/// Hash chains over a window of 32 KiB, and lazy evaluation: a match is taken when the next position has none that is
/// longer. All it knows of the bytes before are the chains, and of its own past a pending literal and the last match:
/// so two matchers that meet at a place in the same state go on alike, and several can share the work.
final class LazyMatcher {
    /// What it remembers of the position before.
    struct State: Equatable {
        var isLiteralPending = false
        var matchLength = GzipLimits.minimumMatch - 1
        /// Where the match begins; 0 when there is none.
        var matchStart = 0
    }

    private let effort: GzipEffort
    /// The last position with each hash, 0 for none; and for each position how far back the one before with the same is,
    /// at most 65,535, which is beyond the window. Half as large as positions, it stays in the processor's cache.
    private let heads: UnsafeMutablePointer<Int32>
    private let links: UnsafeMutablePointer<UInt16>
    private var bytes = UnsafePointer<UInt8>(bitPattern: 8).unsafelyUnwrapped
    private var hash = 0
    private(set) var state = State()
    /// The position that is looked at next.
    private(set) var position = 0
    private var symbols = SymbolBuffer()

    init(_ effort: GzipEffort) {
        self.effort = effort
        heads = .allocate(capacity: GzipLimits.windowSize)
        links = .allocate(capacity: GzipLimits.windowSize)
    }

    deinit {
        heads.deallocate()
        links.deallocate()
    }

    /// Begins at a position, knowing what lies before it.
    ///
    /// - Parameters:
    ///   - bytes: where position 0 is. At 258 bytes beyond the last position can be read.
    ///   - start: the first position that matches may refer to.
    func begin(at place: Int, from start: Int, in bytes: UnsafePointer<UInt8>, _ state: State = State()) {
        self.bytes = bytes
        self.state = state
        symbols.removeAll()
        heads.initialize(repeating: 0, count: GzipLimits.windowSize)
        links.initialize(repeating: 0xFFFF, count: GzipLimits.windowSize)
        hash = (Int(bytes[start]) << 5) ^ Int(bytes[start + 1])
        for known in start..<place { _ = insert(known) }
        position = place
    }

    /// The hash is that of three bytes: five new bits for each, of fifteen.
    @inline(__always)
    private func insert(_ place: Int) -> Int {
        hash = ((hash << 5) ^ Int(bytes[place + 2])) & GzipLimits.mask
        let head = heads[hash]
        links[place & GzipLimits.mask] = UInt16(truncatingIfNeeded: head == 0 ? 0xFFFF : min(place - Int(head), 0xFFFF))
        heads[hash] = Int32(truncatingIfNeeded: place)
        return Int(head)
    }

    /// Looks at one position, with the match of the position before it in mind.
    ///
    /// - Parameter end: where the bytes end.
    @inline(__always)
    func step(end: Int) {
        let head = insert(position)
        let previous = state
        state.matchLength = GzipLimits.minimumMatch - 1
        state.matchStart = 0
        if head != 0, previous.matchLength < effort.lazy, position - head <= GzipLimits.maximumDistance {
            search(head, previous.matchLength, end)
        }
        if previous.matchLength >= GzipLimits.minimumMatch, state.matchLength <= previous.matchLength {
            take(previous)
        } else {
            if previous.isLiteralPending { symbols.add(literal: bytes[position - 1]) }
            state.isLiteralPending = true
            position += 1
        }
    }

    /// Emits the match that began one position ago.
    private func take(_ match: State) {
        symbols.add(length: match.matchLength, distance: position - 1 - match.matchStart)
        for _ in 0..<(match.matchLength - 2) {
            position += 1
            _ = insert(position)
        }
        state = State()
        position += 1
    }

    /// How many symbols there are since `begin`.
    var symbolCount: Int { symbols.count }

    /// Hands over the symbols since `begin`: lengths less 3 or literals, distances or 0, and their count.
    func withSymbols(_ body: (UnsafePointer<UInt8>, UnsafePointer<UInt16>, Int) -> Void) {
        body(symbols.lengths, symbols.distances, symbols.count)
    }

    private func search(_ head: Int, _ previous: Int, _ end: Int) {
        let match = longestMatch(head, previous)
        let length = min(match.length, end - position)
        // A match of three bytes from far away costs more than three literals.
        if length == GzipLimits.minimumMatch, position - match.start > GzipLimits.tooFar { return }
        guard length >= GzipLimits.minimumMatch else { return state.matchLength = length }
        state.matchLength = length
        state.matchStart = match.start
    }

    /// The longest match for the present position that is longer than `previous`, along the chain from `head`;
    /// of two that are equally long the nearer one.
    private func longestMatch(_ head: Int, _ previous: Int) -> (length: Int, start: Int) {
        let (bytes, links, nice) = (bytes, links, effort.nice)
        var chain = previous >= effort.good ? effort.chain >> 2 : effort.chain
        let limit = max(0, position - GzipLimits.maximumDistance)
        let scan = bytes + position
        var best = previous
        var candidate = head
        var found = 0
        var end = loadPair(scan + best - 1)
        let begin = loadPair(scan)
        repeat {
            let match = bytes + candidate
            if loadPair(match + best - 1) == end, loadPair(match) == begin {
                let length = commonLength(scan, match, GzipLimits.maximumMatch)
                if length > best {
                    found = candidate
                    best = length
                    if length >= nice { break }
                    end = loadPair(scan + best - 1)
                }
            }
            candidate &-= Int(links[candidate & GzipLimits.mask])
            chain &-= 1
        } while candidate > limit && chain != 0
        return (best, found)
    }

    @inline(__always)
    private func loadPair(_ pointer: UnsafePointer<UInt8>) -> UInt16 {
        UnsafeRawPointer(pointer).loadUnaligned(as: UInt16.self)
    }
}
