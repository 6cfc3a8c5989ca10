/// A region of the target that is like one of the source, and what follows it that is not.
struct MatchedRegion {
    var target: Range<Int>
    var source: Int
    var insert: Range<Int>
}

/// Expresses a target by a source: copies, additions and inserts, in the order of the target's bytes.
///
/// The method is that of bsdiff (C. Percival, "Naive differences of executable code", 2003): a match is extended in both
/// directions over bytes that differ now and then, as addresses in machine code do when something before them has grown;
/// these bytes become small differences that compress well. Where the extended region is equal for long, it is copied
/// instead, which costs nothing to decode.
struct Differencer<Finder: MatchFinder> {
    private let source: UnsafeBufferPointer<UInt8>
    private let target: UnsafeBufferPointer<UInt8>
    private let finder: Finder
    /// By how many bytes a match has to be better than going on as before.
    private static var advantage: Int { 8 }
    /// From here on a match at the present alignment is taken without looking for a better one.
    private static var sufficient: Int { 48 }

    init(_ source: UnsafeBufferPointer<UInt8>, _ target: UnsafeBufferPointer<UInt8>, _ finder: Finder) {
        self.source = source
        self.target = target
        self.finder = finder
    }

    private struct State {
        /// Where the last region begins in both.
        var target = 0
        var source = 0
        /// The present alignment: source position less target position.
        var offset = 0
    }

    /// Hands over regions that together cover the target.
    func forEachRegion(_ body: (MatchedRegion) -> Void) {
        var state = State()
        var scan = 0
        var match = Match(position: 0, length: 0)
        while scan < target.count {
            scan += match.length
            let aligned = advance(&scan, &match, state.offset)
            guard !aligned || scan >= target.count else { continue }
            emit(&state, scan, match, body)
        }
    }

    /// Looks from `scan` on for a match that is better than the present alignment.
    ///
    /// - Returns: `true` when the match found is the present alignment itself.
    private func advance(_ scan: inout Int, _ match: inout Match, _ offset: Int) -> Bool {
        var agreement = 0
        var counted = scan
        while scan < target.count {
            let run = agreementRun(scan, offset)
            if run >= Self.sufficient {
                match = Match(position: scan + offset, length: run)
                return true
            }
            match = finder.match(target, at: scan)
            while counted < scan + match.length {
                if agrees(counted, offset) { agreement += 1 }
                counted += 1
            }
            if match.length == agreement, match.length != 0 { return true }
            if match.length > agreement + Self.advantage { return false }
            if counted > scan, agrees(scan, offset) { agreement -= 1 }
            scan += 1
            if counted < scan { counted = scan }
        }
        match.length = 0
        return false
    }

    @inline(__always)
    private func agrees(_ place: Int, _ offset: Int) -> Bool {
        let other = place + offset
        return other >= 0 && other < source.count && source[other] == target[place]
    }

    private func agreementRun(_ place: Int, _ offset: Int) -> Int {
        let other = place + offset
        guard other >= 0, other < source.count, let a = target.baseAddress, let b = source.baseAddress else { return 0 }
        return commonLength(a + place, b + other, min(target.count - place, source.count - other))
    }

    /// Ends the last region and what follows it where the region around the match begins.
    private func emit(_ state: inout State, _ scan: Int, _ match: Match, _ body: (MatchedRegion) -> Void) {
        var forward = forwardLength(state, scan)
        var backward = scan < target.count ? backwardLength(state, scan, match) : 0
        if state.target + forward > scan - backward {
            resolveOverlap(state, scan, match, &forward, &backward)
        }
        let end = state.target + forward
        body(MatchedRegion(target: state.target..<end, source: state.source, insert: end..<(scan - backward)))
        state = State(target: scan - backward, source: match.position - backward, offset: match.position - scan)
    }

    /// How far the last region reaches: to where more than half of the bytes have agreed the most.
    private func forwardLength(_ state: State, _ scan: Int) -> Int {
        var (score, best, length) = (0, 0, 0)
        let limit = min(scan - state.target, source.count - state.source)
        for index in 0..<max(0, limit) {
            score += source[state.source + index] == target[state.target + index] ? 1 : -1
            if score > best { (best, length) = (score, index + 1) }
        }
        return length
    }

    private func backwardLength(_ state: State, _ scan: Int, _ match: Match) -> Int {
        var (score, best, length) = (0, 0, 0)
        let limit = min(scan - state.target, match.position)
        var index = 1
        while index <= limit {
            score += source[match.position - index] == target[scan - index] ? 1 : -1
            if score > best { (best, length) = (score, index) }
            index += 1
        }
        return length
    }

    /// Two regions that overlap are cut where both together agree the most.
    private func resolveOverlap(
        _ state: State, _ scan: Int, _ match: Match, _ forward: inout Int, _ backward: inout Int
    ) {
        let overlap = state.target + forward - (scan - backward)
        var (score, best, length) = (0, 0, 0)
        for index in 0..<overlap {
            let place = state.target + forward - overlap + index
            if target[place] == source[state.source + forward - overlap + index] { score += 1 }
            if target[scan - backward + index] == source[match.position - backward + index] { score -= 1 }
            if score > best { (best, length) = (score, index + 1) }
        }
        forward += length - overlap
        backward -= length
    }
}
