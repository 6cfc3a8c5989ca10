/// Bits into bytes, the first bit lowest (RFC 1951, section 3.1.1).
struct BitWriter {
    private var bytes: [UInt8] = []
    private var pending: UInt64 = 0
    private var pendingCount: UInt32 = 0

    @inline(__always)
    mutating func add(_ bits: UInt32, _ count: UInt32) {
        pending |= UInt64(bits) << UInt64(pendingCount)
        pendingCount += count
        if pendingCount >= 32 {
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: pending).littleEndian) { bytes.append(contentsOf: $0) }
            pending >>= 32
            pendingCount -= 32
        }
    }

    /// Fills the last byte with zeros.
    mutating func align() {
        while pendingCount > 0 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingCount -= min(8, pendingCount)
        }
    }

    /// The body of a stored block, after its first three bits (RFC 1951, section 3.2.4).
    mutating func addStored(_ content: UnsafeRawBufferPointer) {
        align()
        let length = UInt16(truncatingIfNeeded: content.count)
        for value in [length, ~length] { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
        bytes.append(contentsOf: content)
    }

    /// Hands over whole bytes and forgets them.
    mutating func drain(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        if bytes.isEmpty { return }
        try bytes.withUnsafeBytes(body)
        bytes.removeAll(keepingCapacity: true)
    }
}
