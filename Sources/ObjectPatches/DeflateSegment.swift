/// What all segments of a batch see.
struct DeflateRun: @unchecked Sendable {
    // Read only while the threads run, which end before the memory does.
    let bytes: UnsafePointer<UInt8>
    /// Where the bytes end.
    let end: Int
    /// The state in which the first segment begins.
    let state: LazyMatcher.State

    init(bytes: UnsafePointer<UInt8>, end: Int, state: LazyMatcher.State) {
        self.bytes = bytes
        self.end = end
        self.state = state
    }

    /// For a segment that has to guess.
    var speculative: DeflateRun { DeflateRun(bytes: bytes, end: end, state: LazyMatcher.State()) }
}

/// One thread's share of the bytes, with a memory of how it began.
final class DeflateSegment: @unchecked Sendable {
    // One thread at a time: they are joined before anyone else looks.
    let matcher: LazyMatcher
    /// The states in which the first positions were looked at, and how many symbols there were before.
    private var beginnings: [Int: (state: LazyMatcher.State, symbols: Int)] = [:]
    private static let memory = 4096

    init(_ effort: GzipEffort) { matcher = LazyMatcher(effort) }

    /// Finds the matches of a range, to its end or a little beyond.
    func match(_ range: Range<Int>, _ run: DeflateRun) {
        beginnings.removeAll(keepingCapacity: true)
        let history = max(0, range.lowerBound - GzipLimits.windowSize)
        matcher.begin(at: range.lowerBound, from: history, in: run.bytes, run.state)
        while matcher.position < range.upperBound, matcher.position < range.lowerBound + Self.memory {
            beginnings[matcher.position] = (matcher.state, matcher.symbolCount)
            matcher.step(end: run.end)
        }
        matcher.run(to: range.upperBound, end: run.end)
    }

    /// Goes on until this matcher is at a place in the same state as `next` was.
    ///
    /// - Returns: how many of the symbols of `next` lie before that place; `nil` when `limit` was reached first.
    func meet(_ next: DeflateSegment, before limit: Int, end: Int) -> Int? {
        while matcher.position < limit {
            if let other = next.beginnings[matcher.position], other.state == matcher.state { return other.symbols }
            matcher.step(end: end)
        }
        return nil
    }
}
