/// Reads GVariant containers out of bytes whose checksum has been verified. Every offset is checked all
/// the same: a signed commit can still be a malformed one.
struct GVariantReader {
    /// How a member lies in its container.
    enum Member {
        case fixed(size: Int)
        case variable(alignment: Int)
    }

    /// What is being read, for messages.
    let what: String

    private func malformed(_ detail: String) -> FormatError { FormatError(what, detail) }

    private static func offsetWidth(_ size: Int) -> Int {
        size <= 0xFF ? 1 : size <= 0xFFFF ? 2 : size <= 0xFFFF_FFFF ? 4 : 8
    }

    private func offset(_ bytes: ArraySlice<UInt8>, at position: Int, width: Int) throws(FormatError) -> Int {
        guard position >= bytes.startIndex, position + width <= bytes.endIndex else {
            throw malformed("a framing offset is missing")
        }
        var value: UInt64 = 0
        for index in 0..<width { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        guard value <= UInt64(bytes.count) else { throw malformed("a framing offset lies outside") }
        return bytes.startIndex + Int(value)
    }

    /// The members of a tuple, as slices.
    func tuple(_ bytes: ArraySlice<UInt8>, _ members: [Member]) throws(FormatError) -> [ArraySlice<UInt8>] {
        let width = Self.offsetWidth(bytes.count)
        var framing = bytes.endIndex
        var position = bytes.startIndex
        var result: [ArraySlice<UInt8>] = []
        for (index, member) in members.enumerated() {
            let end: Int
            switch member {
            case .fixed(let size):
                position = aligned(position, size, from: bytes.startIndex)
                end = position + size
            case .variable(let alignment):
                position = aligned(position, alignment, from: bytes.startIndex)
                if index == members.count - 1 {
                    end = framing
                } else {
                    framing -= width
                    end = try offset(bytes, at: framing, width: width)
                }
            }
            guard position <= end, end <= framing else { throw malformed("a member lies outside its tuple") }
            result.append(bytes[position..<end])
            position = end
        }
        return result
    }

    /// The elements of an array whose elements have no fixed size.
    func array(_ bytes: ArraySlice<UInt8>, alignment: Int = 1) throws(FormatError) -> [ArraySlice<UInt8>] {
        if bytes.isEmpty { return [] }
        let width = Self.offsetWidth(bytes.count)
        let bodyEnd = try offset(bytes, at: bytes.endIndex - width, width: width)
        guard bodyEnd < bytes.endIndex, (bytes.endIndex - bodyEnd) % width == 0 else {
            throw malformed("an array's framing is uneven")
        }
        var result: [ArraySlice<UInt8>] = []
        var start = bytes.startIndex
        for position in stride(from: bodyEnd, to: bytes.endIndex, by: width) {
            start = aligned(start, alignment, from: bytes.startIndex)
            let end = try offset(bytes, at: position, width: width)
            guard start <= end, end <= bodyEnd else { throw malformed("an element lies outside its array") }
            result.append(bytes[start..<end])
            start = end
        }
        return result
    }

    /// A string: UTF-8 that ends with its only NUL.
    func string(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> String {
        guard bytes.last == 0, let text = String(validating: bytes.dropLast(), as: UTF8.self),
            !bytes.dropLast().contains(0)
        else { throw malformed("a string is not UTF-8 that ends with NUL") }
        return text
    }

    func bigEndian32(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }
    func bigEndian64(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    private func aligned(_ position: Int, _ alignment: Int, from start: Int) -> Int {
        start + (position - start + alignment - 1) / alignment * alignment
    }
}
