/// Literals and matches in their order, in plain memory: there is one for every few bytes.
struct SymbolBuffer: ~Copyable {
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

    mutating func removeAll() { count = 0 }

    @inline(__always)
    mutating func add(literal byte: UInt8) { add(byte, 0) }

    @inline(__always)
    mutating func add(length: Int, distance: Int) { add(UInt8(length - GzipLimits.minimumMatch), UInt16(distance)) }

    /// - Parameter distance: 0 for a literal.
    @inline(__always)
    private mutating func add(_ length: UInt8, _ distance: UInt16) {
        if count == capacity { grow() }
        lengths[count] = length
        distances[count] = distance
        count &+= 1
    }

    private mutating func grow() {
        let (oldLengths, oldDistances) = (lengths, distances)
        lengths = .allocate(capacity: 2 * capacity)
        distances = .allocate(capacity: 2 * capacity)
        lengths.update(from: oldLengths, count: count)
        distances.update(from: oldDistances, count: count)
        oldLengths.deallocate()
        oldDistances.deallocate()
        capacity *= 2
    }
}
