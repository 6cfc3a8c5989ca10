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
    private let chains = HashChains()
    private var bytes = UnsafePointer<UInt8>(bitPattern: 8).unsafelyUnwrapped
    private(set) var state = State()
    /// The position that is looked at next.
    private(set) var position = 0
    private let symbols = SymbolBuffer()

    init(_ effort: GzipEffort) { self.effort = effort }

    /// Begins at a position, knowing what lies before it.
    ///
    /// - Parameters:
    ///   - bytes: where position 0 is. At 266 bytes beyond the last position can be read.
    ///   - start: the first position that matches may refer to.
    func begin(at place: Int, from start: Int, in bytes: UnsafePointer<UInt8>, _ state: State = State()) {
        self.bytes = bytes
        self.state = state
        symbols.removeAll()
        chains.reset(at: start)
        for known in start..<place { chains.insert(known, bytes) }
        position = place
    }

    /// Looks at one position, with the match of the position before it in mind.
    ///
    /// - Parameter end: where the bytes end.
    func step(end: Int) { run(to: position + 1, end: end) }

    /// Looks at all positions before `stop`, and perhaps a few more.
    ///
    /// - Parameter end: where the bytes end.
    func run(to stop: Int, end: Int) {
        // Taken out, so that not every byte checks for other users of them.
        var (position, state) = (position, state)
        let (bytes, effort) = (bytes, effort)
        symbols.reserve(max(0, stop - position))
        var output = symbols.begin()
        while position < stop {
            chains.insert(position, bytes)
            let previous = state
            state.matchLength = GzipLimits.minimumMatch - 1
            state.matchStart = 0
            if previous.matchLength < effort.lazy {
                let steps = previous.matchLength >= effort.good ? effort.chain >> 2 : effort.chain
                let match = chains.search(
                    position, bytes, longerThan: previous.matchLength, steps: steps, nice: effort.nice)
                let length = min(match.length, end - position)
                // Only at the end of the input is it shorter than it was found.
                let isTooFar = length == GzipLimits.minimumMatch && position - match.start > GzipLimits.tooFar
                if match.start != 0, !isTooFar { (state.matchLength, state.matchStart) = (length, match.start) }
            }
            if previous.matchLength >= GzipLimits.minimumMatch, state.matchLength <= previous.matchLength {
                output.add(length: previous.matchLength, distance: position - 1 - previous.matchStart)
                let next = position + previous.matchLength - 1
                position += 1
                while position < next {
                    chains.insert(position, bytes)
                    position += 1
                }
                state = State()
            } else {
                if previous.isLiteralPending { output.add(literal: bytes[position - 1]) }
                state.isLiteralPending = true
                position += 1
            }
        }
        symbols.end(output)
        (self.position, self.state) = (position, state)
    }

    /// How many symbols there are since `begin`.
    var symbolCount: Int { symbols.count }

    /// Hands over the symbols since `begin`: lengths less 3 or literals, distances or 0, and their count.
    func withSymbols(_ body: (UnsafePointer<UInt8>, UnsafePointer<UInt16>, Int) -> Void) {
        body(symbols.lengths, symbols.distances, symbols.count)
    }
}
