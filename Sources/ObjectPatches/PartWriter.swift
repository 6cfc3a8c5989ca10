/// Collects the pieces of objects that one part holds.
///
/// A decoded part is: the size of the control stream and of the difference stream (32 bits, little-endian each), then the
/// control stream, the differences, the inserts. The control stream has for each entry the count of its operations and
/// then these. Three streams compress better than one.
struct PartWriter {
    private var control = ByteWriter()
    private var differences: [UInt8] = []
    private var inserts: [UInt8] = []
    private(set) var entryCount = 0

    static let headerSize = 8
    /// What the count of a piece's operations can take.
    private static let countSize = 5

    var isEmpty: Bool { entryCount == 0 }
    private var size: Int { Self.headerSize + control.bytes.count + differences.count + inserts.count }

    /// Whether a piece still fits.
    func fits(_ piece: PatchPiece) -> Bool { size + piece.size + Self.countSize <= PatchLimits.decodedPartBytes }

    /// Adds a piece.
    ///
    /// - Returns: the number of its entry.
    mutating func add(_ piece: PatchPiece) -> Int {
        add(
            operations: piece.operations, control: piece.control.bytes, differences: piece.differences,
            inserts: piece.inserts)
        return entryCount - 1
    }

    mutating func add(operations: Int, control: [UInt8], differences: [UInt8], inserts: [UInt8]) {
        self.control.add(count: operations)
        self.control.add(control)
        self.differences += differences
        self.inserts += inserts
        entryCount += 1
    }

    /// The decoded part.
    func encode() -> [UInt8] {
        var writer = ByteWriter()
        writer.add(word: UInt32(control.bytes.count))
        writer.add(word: UInt32(differences.count))
        writer.add(control.bytes)
        writer.add(differences)
        writer.add(inserts)
        return writer.bytes
    }
}
