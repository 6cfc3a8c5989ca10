/// Divides symbols into blocks where gzip does, and writes these.
final class BlockSequence {
    private let block = DeflateBlock()
    /// The offset in the whole input of where the buffer begins.
    private var base = 0
    /// Where in the buffer the next symbol stands, and where the block began.
    private var position = 0
    private var blockStart = 0

    /// The offset in the whole input of a position in the buffer.
    func offset(of position: Int) -> Int { base + position }

    /// Says that the buffer now begins `count` bytes later.
    func drop(_ count: Int) {
        base += count
        position -= count
        blockStart -= count
    }

    /// Hands over the bytes that are complete.
    func drain(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows { try block.drain(body) }

    /// Adds a matcher's symbols from number `first` on.
    func add(_ matcher: LazyMatcher, from first: Int, in bytes: UnsafePointer<UInt8>) {
        matcher.withSymbols { lengths, distances, count in
            for index in first..<max(first, count) {
                add(lengths[index], distances[index], bytes)
            }
        }
    }

    @inline(__always)
    private func add(_ length: UInt8, _ distance: UInt16, _ bytes: UnsafePointer<UInt8>) {
        // gzip counts a symbol when it has looked at the position after its first.
        let seen = position + 1 - blockStart
        let isFull = block.add(length, distance)
        position += distance == 0 ? 1 : Int(length) + GzipLimits.minimumMatch
        if isFull || block.isWorthEnding(after: seen) { end(bytes, isLast: false) }
    }

    /// Ends the last block.
    ///
    /// - Parameter literal: what was still pending.
    func finish(_ literal: UInt8?, in bytes: UnsafePointer<UInt8>) {
        // gzip does not ask here whether the block is full: it ends anyway.
        if let literal {
            _ = block.add(literal, 0)
            position += 1
        }
        end(bytes, isLast: true)
    }

    private func end(_ bytes: UnsafePointer<UInt8>, isLast: Bool) {
        let length = position - blockStart
        let available = blockStart >= 0 && isInWindow
        block.end(
            length, available ? UnsafeRawBufferPointer(start: bytes + blockStart, count: length) : nil, isLast: isLast)
        blockStart = position
    }

    /// gzip can store a block only while its buffer still has the beginning: it drops the older half of 64 KiB whenever
    /// it has come within a longest match of the end.
    private var isInWindow: Bool {
        let size = GzipLimits.windowSize
        let last = 2 * size - GzipLimits.lookahead
        let reached = base + position
        let dropped = reached <= last ? 0 : (reached - last + size - 1) / size * size
        return base + blockStart >= dropped
    }
}
