/// Literals and matches in their order, in plain memory: there is one for every few bytes.
final class SymbolBuffer {
    private(set) var lengths: UnsafeMutablePointer<UInt8>
    private(set) var distances: UnsafeMutablePointer<UInt16>
    private(set) var count = 0
    private var capacity = 1 << 16

    init() {
        lengths = .allocate(capacity: capacity)
        distances = .allocate(capacity: capacity)
    }

    deinit {
        lengths.deallocate()
        distances.deallocate()
    }

    func removeAll() { count = 0 }

    /// Makes room for so many more.
    func reserve(_ more: Int) {
        if count + more <= capacity { return }
        let (oldLengths, oldDistances) = (lengths, distances)
        capacity = max(count + more, 2 * capacity)
        lengths = .allocate(capacity: capacity)
        distances = .allocate(capacity: capacity)
        lengths.update(from: oldLengths, count: count)
        distances.update(from: oldDistances, count: count)
        oldLengths.deallocate()
        oldDistances.deallocate()
    }

    /// Where the next ones go. Whoever has added some hands it back by `end`.
    func begin() -> Cursor { Cursor(lengths: lengths, distances: distances, count: count) }

    func end(_ cursor: Cursor) { count = cursor.count }

    /// Adds symbols for which there is room.
    struct Cursor {
        fileprivate let lengths: UnsafeMutablePointer<UInt8>
        fileprivate let distances: UnsafeMutablePointer<UInt16>
        fileprivate var count: Int

        @inline(__always)
        mutating func add(literal byte: UInt8) { add(byte, 0) }

        @inline(__always)
        mutating func add(length: Int, distance: Int) {
            add(UInt8(truncatingIfNeeded: length - GzipLimits.minimumMatch), UInt16(truncatingIfNeeded: distance))
        }

        /// - Parameter distance: 0 for a literal.
        @inline(__always)
        private mutating func add(_ length: UInt8, _ distance: UInt16) {
            lengths[count] = length
            distances[count] = distance
            count &+= 1
        }
    }
}
