/// A step in making a view, in the order of its bytes.
///
/// Offsets are bytes in the view of the source that was chosen last, at first that of the alternative's first source.
enum PatchOperation {
    /// Bytes that stand in the part.
    case insert(UnsafeRawBufferPointer)
    /// Bytes of the source.
    case copy(offset: Int64, length: Int)
    /// Bytes of the source, each with a byte of the part added to it, modulo 256.
    case add(offset: Int64, difference: UnsafeRawBufferPointer)
    /// What follows refers to another of the alternative's sources.
    case source(Int)

    /// The two low bits of an operation's first varint; the bits above are its length or the source's position.
    enum Code: UInt64 {
        case insert = 0
        case copy = 1
        case add = 2
        case source = 3
    }
}

/// The steps that make one piece of an object, as they are collected: what a part has of it, in three streams.
struct PatchPiece {
    var control = ByteWriter()
    var differences: [UInt8] = []
    var inserts: [UInt8] = []
    private(set) var operations = 0
    /// Where the next copy or addition is expected to begin: where the last one ended.
    private var expected: Int64 = 0

    var isEmpty: Bool { operations == 0 }
    /// The bytes that it takes in a decoded part, but for the count of its operations.
    var size: Int { control.bytes.count + differences.count + inserts.count }

    private mutating func add(_ code: PatchOperation.Code, _ value: Int) {
        operations += 1
        control.add(varint: UInt64(value) << 2 | code.rawValue)
    }

    private mutating func add(offset: Int64, length: Int) {
        control.add(signed: offset - expected)
        expected = offset + Int64(length)
    }

    mutating func insert(_ bytes: UnsafeRawBufferPointer) {
        add(.insert, bytes.count)
        inserts.append(contentsOf: bytes)
    }

    mutating func copy(offset: Int64, length: Int) {
        add(.copy, length)
        add(offset: offset, length: length)
    }

    mutating func add(offset: Int64, difference: UnsafeRawBufferPointer) {
        add(.add, difference.count)
        add(offset: offset, length: difference.count)
        differences.append(contentsOf: difference)
    }

    mutating func source(_ position: Int) {
        add(.source, position)
        expected = 0
    }
}
