public import Checksums

extension DirectoryTree {
    /// Calls back for each object that a dirtree's bytes name, and makes nothing of its names: for walks over whole
    /// stores, of objects whose checksum has been verified.
    ///
    /// - Throws: `FormatError` for bytes that are no dirtree.
    public static func forEachReference(
        in bytes: UnsafeRawBufferPointer, file: (Checksum) -> Void,
        folder: (_ tree: Checksum, _ metadata: Checksum) -> Void
    ) throws(FormatError) {
        let tree = Container(bytes)
        let end = try tree.offset(fromEnd: 0)
        try tree.part(0, end).forEachElement { (element) throws(FormatError) in
            let name = try element.offset(fromEnd: 0)
            file(try element.checksum(name, element.end(offsets: 1)))
        }
        try tree.part(end, tree.end(offsets: 1)).forEachElement { (element) throws(FormatError) in
            let name = try element.offset(fromEnd: 0)
            let middle = try element.offset(fromEnd: 1)
            folder(try element.checksum(name, middle), try element.checksum(middle, element.end(offsets: 2)))
        }
    }
}

/// A GVariant container in memory. Every offset is checked: a signed commit can still be a malformed one.
private struct Container {
    let bytes: UnsafeRawBufferPointer
    private let width: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        width = bytes.count <= 0xFF ? 1 : bytes.count <= 0xFFFF ? 2 : bytes.count <= 0xFFFF_FFFF ? 4 : 8
    }

    private static func malformed() -> FormatError { FormatError("dirtree", "its framing leads outside") }

    private func number(at position: Int) throws(FormatError) -> Int {
        guard position >= 0, position + width <= bytes.count else { throw Self.malformed() }
        var value: UInt64 = 0
        for index in 0..<width { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        guard value <= UInt64(bytes.count) else { throw Self.malformed() }
        return Int(value)
    }

    /// A framing offset of a tuple, counted from its end.
    func offset(fromEnd index: Int) throws(FormatError) -> Int { try number(at: bytes.count - width * (index + 1)) }

    /// Where a tuple's last member ends.
    func end(offsets count: Int) -> Int { bytes.count - width * count }

    func part(_ start: Int, _ end: Int) throws(FormatError) -> Container {
        guard start <= end, end <= bytes.count else { throw Self.malformed() }
        return Container(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    }

    func checksum(_ start: Int, _ end: Int) throws(FormatError) -> Checksum {
        guard let checksum = Checksum(raw: try part(start, end).bytes) else {
            throw FormatError("dirtree", "a checksum is not 32 bytes")
        }
        return checksum
    }

    /// The elements of an array without a fixed size.
    func forEachElement(_ body: (Container) throws(FormatError) -> Void) throws(FormatError) {
        if bytes.isEmpty { return }
        let end = try number(at: bytes.count - width)
        guard end < bytes.count, (bytes.count - end) % width == 0 else { throw Self.malformed() }
        var start = 0
        for position in stride(from: end, to: bytes.count, by: width) {
            let next = try number(at: position)
            guard next <= end else { throw Self.malformed() }
            try body(part(start, next))
            start = next
        }
    }
}
