import LinuxSystem

/// Compresses as GNU gzip does, bit for bit, at its levels 4 to 9, so that what gzip made can be made again.
///
/// zlib is no substitute: it ends its blocks elsewhere and hashes more bits, so that it makes other streams of the same
/// data. This is written after the description of the method in RFC 1951 and gzip's documented behaviour: hash chains
/// over a window of 32 KiB, lazy evaluation, blocks of at most 32,767 symbols that end early where their statistics
/// look good. Whoever uses it compares once: a publisher offers only what came out identical.
///
/// Several threads look for matches in neighbouring segments. All but the first begin without knowing the state that
/// their place would be reached in; soon they are in the same state as the one before them, and from there on what
/// they found is what one thread would have found.
final class GzipDeflater {
    static let levels = 4...9
    private static let segmentSize = 512 << 10
    /// Of the bytes before the present place: the window, and what a block that is stored began with.
    private static let historySize = 96 << 10
    /// Beyond a batch, so that its last positions see what one thread would see.
    private static let overlap = 1 << 10

    private let segments: [DeflateSegment]
    private let blocks: BlockSequence
    private let buffer: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    /// Bytes in the buffer, and where in it the next batch begins.
    private var filled = 0
    private var start = 0
    private var state = LazyMatcher.State()

    /// - Parameter threads: how many look for matches.
    init(level: Int, threads: Int = 1) {
        capacity = Self.historySize + threads * Self.segmentSize + 2 * Self.overlap
        buffer = .allocate(capacity: capacity + 1024)
        buffer.initialize(repeating: 0, count: capacity + 1024)
        let effort = GzipEffort.level(level)
        segments = (0..<max(1, threads)).map { _ in DeflateSegment(effort) }
        blocks = BlockSequence()
    }

    deinit { buffer.deallocate() }

    /// Takes in bytes and hands over what is complete.
    ///
    /// - Throws: what `body` throws; `SystemError` when a thread cannot be started.
    func append(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest = bytes
        while let source = rest.baseAddress, !rest.isEmpty {
            let count = min(rest.count, capacity - filled)
            UnsafeMutableRawPointer(buffer + filled).copyMemory(from: source, byteCount: count)
            filled += count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if filled == capacity {
                try process(upTo: capacity - Self.overlap)
                try blocks.drain(body)
                dropHistory()
            }
        }
    }

    /// Ends the stream.
    ///
    /// - Throws: as `append`.
    func finish(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        writeTail()
        try process(upTo: filled)
        blocks.finish(state.isLiteralPending ? buffer[start - 1] : nil, in: buffer)
        try blocks.drain(body)
    }

    /// What gzip finds beyond the end, and compares: two zeros, then what its buffer of twice the window still holds.
    private func writeTail() {
        let isWrapped = blocks.offset(of: filled) >= 2 * GzipLimits.windowSize
        for index in 0..<(GzipLimits.maximumMatch + 8) {
            let old = filled + index - GzipLimits.windowSize
            buffer[filled + index] = index >= 2 && isWrapped && old >= 0 && index < 258 ? buffer[old] : 0
        }
    }

    /// Compresses from `start` to about `stop`.
    private func process(upTo stop: Int) throws {
        let count = min(segments.count, max(1, (stop - start) / (Self.segmentSize / 2)))
        let bounds = (0...count).map { start + (stop - start) * $0 / count }
        let run = DeflateRun(bytes: buffer, end: filled, state: state)
        let segments = segments
        if count == 1 {
            segments[0].match(bounds[0]..<bounds[1], run)
        } else {
            let match: @Sendable (Int) -> Void = { index in
                segments[index].match(bounds[index]..<bounds[index + 1], index == 0 ? run : run.speculative)
            }
            do { try Workers.run(count) { index, _ in match(index) } } catch is SystemError {
                // No thread can be had: then this one does it all.
                for index in 0..<count { match(index) }
            }
        }
        join(bounds)
    }

    /// Puts together what the segments have found.
    private func join(_ bounds: [Int]) {
        var current = 0
        var next = 1
        var taken = 0
        while true {
            let segment = segments[current]
            guard next < bounds.count - 1 else { break }
            // Go on until the next one is in the same state, or over all of it.
            if let found = segment.meet(segments[next], before: bounds[next + 1], end: filled) {
                blocks.add(segment.matcher, from: taken, in: buffer)
                (current, taken) = (next, found)
            }
            next += 1
        }
        blocks.add(segments[current].matcher, from: taken, in: buffer)
        start = segments[current].matcher.position
        state = segments[current].matcher.state
    }

    /// Moves what is still needed to the buffer's beginning.
    private func dropHistory() {
        let dropped = max(0, start - Self.historySize)
        UnsafeMutableRawPointer(buffer).copyMemory(from: buffer + dropped, byteCount: filled - dropped)
        blocks.drop(dropped)
        start -= dropped
        filled -= dropped
        if state.matchStart > 0 { state.matchStart -= dropped }
    }
}
