import Checksums

/// Reads the entries of parts, one part after the other. One for each worker: it keeps the memory that a part needs.
public final class PartReader {
    private let memory: UnsafeMutableRawBufferPointer
    private let decoder = ZstdDecoder()
    private var hasher = SHA256()
    private var control = ByteReader(UnsafeRawBufferPointer(start: nil, count: 0), what: PartReader.what)
    private var differences = UnsafeRawBufferPointer(start: nil, count: 0)
    private var inserts = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The number of the entry that is read next.
    public private(set) var nextEntry = 0
    private static let what = "a part of the patch pool"

    public init() { memory = .allocate(byteCount: PatchLimits.decodedPartBytes, alignment: 4096) }

    deinit { memory.deallocate() }

    /// Verifies and decodes a part; the one before is gone then.
    ///
    /// - Parameter stored: exactly the part's bytes in the pool.
    /// - Throws: `PatchError.wrongPart` when the bytes are not those that the index names; `.malformed`.
    public func load(_ stored: UnsafeRawBufferPointer, as part: PatchIndex.Part) throws(PatchError) {
        reset()
        hasher.update(stored)
        guard hasher.finish() == part.checksum else { throw .wrongPart(offset: part.offset) }
        guard part.decodedSize >= PartWriter.headerSize, part.decodedSize <= memory.count else {
            throw malformed("it claims \(part.decodedSize) bytes")
        }
        let output = UnsafeMutableRawBufferPointer(rebasing: memory[..<part.decodedSize])
        try decoder.decode(stored, into: output, what: Self.what)
        try split(UnsafeRawBufferPointer(output))
    }

    private func reset() {
        nextEntry = 0
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        (control, differences, inserts) = (ByteReader(nothing, what: Self.what), nothing, nothing)
    }

    private func split(_ bytes: UnsafeRawBufferPointer) throws(PatchError) {
        var header = ByteReader(bytes, what: Self.what)
        let (controlSize, differenceSize) = (Int(try header.word()), Int(try header.word()))
        let body = UnsafeRawBufferPointer(rebasing: bytes[PartWriter.headerSize...])
        guard controlSize <= body.count, differenceSize <= body.count - controlSize else {
            throw malformed("its streams are longer than it")
        }
        control = ByteReader(UnsafeRawBufferPointer(rebasing: body[..<controlSize]), what: Self.what)
        let insertStart = controlSize + differenceSize
        differences = UnsafeRawBufferPointer(rebasing: body[controlSize..<insertStart])
        inserts = UnsafeRawBufferPointer(rebasing: body[insertStart...])
    }

    /// Passes over entries until `entry` is next.
    ///
    /// - Throws: `PatchError.malformed`, also when that one lies behind or is not there.
    public func skip(to entry: Int) throws(PatchError) {
        guard nextEntry <= entry else { throw malformed("its entries are asked for out of order") }
        while nextEntry < entry {
            var expected: Int64 = 0
            for _ in 0..<(try beginEntry()) { _ = try nextOperation(&expected) }
        }
    }

    /// Hands over the operations of the next entry.
    ///
    /// - Throws: `PatchError.malformed`, and what `visit` throws. The part cannot be read on then.
    func readEntry(_ visit: (PatchOperation) throws -> Void) throws {
        var expected: Int64 = 0
        for _ in 0..<(try beginEntry()) { try visit(try nextOperation(&expected)) }
    }

    private func beginEntry() throws(PatchError) -> Int {
        nextEntry += 1
        return try control.count(PatchLimits.decodedPartBytes, "operations")
    }

    private func nextOperation(_ expected: inout Int64) throws(PatchError) -> PatchOperation {
        let value = try control.varint()
        guard let code = PatchOperation.Code(rawValue: value & 3), value >> 2 <= PatchLimits.objectBytes else {
            throw malformed("an operation is too long")
        }
        let length = Int(value >> 2)
        switch code {
        case .insert: return .insert(try take(length, from: &inserts))
        case .copy: return .copy(offset: try offset(length, &expected), length: length)
        case .add:
            let offset = try offset(length, &expected)
            return .add(offset: offset, difference: try take(length, from: &differences))
        case .source:
            expected = 0
            return .source(length)
        }
    }

    private func offset(_ length: Int, _ expected: inout Int64) throws(PatchError) -> Int64 {
        let (offset, overflow) = expected.addingReportingOverflow(try control.signed())
        guard !overflow, offset >= 0, offset <= Int64(PatchLimits.objectBytes) else {
            throw malformed("an operation lies outside its source")
        }
        expected = offset + Int64(length)
        return offset
    }

    private func take(_ count: Int, from stream: inout UnsafeRawBufferPointer) throws(PatchError)
        -> UnsafeRawBufferPointer
    {
        guard count <= stream.count else { throw malformed("an operation is longer than what is there for it") }
        defer { stream = UnsafeRawBufferPointer(rebasing: stream[count...]) }
        return UnsafeRawBufferPointer(rebasing: stream[..<count])
    }

    private func malformed(_ detail: String) -> PatchError { .malformed(what: Self.what, detail: detail) }
}
