/// A source's bytes in the portions that a format asks for, counted against a limit.
final class BlockReader {
    private let source: any ByteSource
    private let limit: UInt64
    private let buffer: UnsafeMutableRawBufferPointer
    private var unread = 0..<0
    /// Bytes that the source has given.
    private(set) var taken: UInt64 = 0
    private var isAtEnd = false

    init(_ source: any ByteSource, limit: UInt64) {
        self.source = source
        self.limit = limit
        buffer = .allocate(byteCount: 256 << 10, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    var name: String { source.name }

    /// The next bytes, fewer at the end; for what has a small fixed or declared size.
    func take(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        try forward(UInt64(count), upToEnd: true) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Hands on exactly `count` bytes.
    ///
    /// - Throws: `ArchiveError.truncated` when there are fewer; what `body` throws.
    func forward(_ count: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try forward(count, upToEnd: false, body)
    }

    private func forward(
        _ count: UInt64, upToEnd: Bool, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var rest = count
        while rest > 0 {
            guard try fill() else {
                if upToEnd { return }
                throw ArchiveError.truncated(archive: name, detail: "it ends in the middle of an entry")
            }
            let portion = Int(min(rest, UInt64(unread.count)))
            try body(UnsafeRawBufferPointer(rebasing: buffer[unread.lowerBound..<(unread.lowerBound + portion)]))
            unread = (unread.lowerBound + portion)..<unread.upperBound
            rest -= UInt64(portion)
        }
    }

    /// Reads what is left, so that a writer at the other end of a pipe can finish and checksums become whole.
    func drain() throws {
        while try fill() { unread = 0..<0 }
    }

    /// Makes sure that there is something unread. `false` at the end.
    private func fill() throws -> Bool {
        if !unread.isEmpty { return true }
        if isAtEnd { return false }
        let count = try source.read(into: buffer)
        isAtEnd = count == 0
        unread = 0..<count
        taken += UInt64(count)
        guard taken <= limit else {
            throw ArchiveError.limitExceeded(archive: name, detail: "it has more than \(limit) bytes, decompressed")
        }
        return count > 0
    }
}
