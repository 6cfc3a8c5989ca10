/// Reads one JSON text by RFC 8259, without what makes two readers see different things in it.
///
/// Refused: duplicate keys, fractions and exponents, `-0`, numbers outside `Int64`, nesting deeper than 32,
/// text that is not UTF-8, lone surrogates, NUL characters, a byte order mark, anything after the value, and more
/// values than the caller expects: a value takes many times the memory of its two bytes of text.
struct JSONReader {
    static let depthLimit = 32
    private let bytes: [UInt8]
    private let what: String
    private let valueLimit: Int
    private var values = 0
    private var position = 0

    /// - Parameters:
    ///   - what: names the text in messages.
    ///   - valueLimit: the most values that the text may have, containers included.
    init(_ bytes: [UInt8], what: String, valueLimit: Int = 1 << 20) {
        self.bytes = bytes
        self.what = what
        self.valueLimit = valueLimit
    }

    /// The value that the whole text is.
    ///
    /// - Throws: `TrustMetadataError.malformed`.
    mutating func readAll() throws(TrustMetadataError) -> JSONValue {
        skipSpace()
        let value = try readValue(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw malformed("there is something after the end") }
        return value
    }

    private mutating func readValue(depth: Int) throws(TrustMetadataError) -> JSONValue {
        guard let byte = peek else { throw malformed("it ends too early") }
        values += 1
        guard values <= valueLimit else { throw malformed("it has more than \(valueLimit) values") }
        switch byte {
        case UInt8(ascii: "{"): return try readObject(depth: deeper(than: depth))
        case UInt8(ascii: "["): return try readArray(depth: deeper(than: depth))
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer(try readInteger())
        case UInt8(ascii: "t"): return try readWord("true", .bool(true))
        case UInt8(ascii: "f"): return try readWord("false", .bool(false))
        case UInt8(ascii: "n"): return try readWord("null", .null)
        default: throw malformed("a value is expected")
        }
    }

    private func deeper(than depth: Int) throws(TrustMetadataError) -> Int {
        guard depth < Self.depthLimit else { throw malformed("it is nested deeper than \(Self.depthLimit)") }
        return depth + 1
    }

    private mutating func readObject(depth: Int) throws(TrustMetadataError) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = []
        var keys: Set<String> = []
        try readItems(until: UInt8(ascii: "}")) { (reader) throws(TrustMetadataError) in
            guard reader.peek == UInt8(ascii: "\"") else { throw reader.malformed("a key is expected") }
            let key = try reader.readString()
            guard keys.insert(key).inserted else {
                throw reader.malformed("the key '\(key.printable)' stands there twice")
            }
            reader.skipSpace()
            guard reader.take(UInt8(ascii: ":")) else { throw reader.malformed("a colon is expected") }
            reader.skipSpace()
            members.append((key: key, value: try reader.readValue(depth: depth)))
        }
        return .object(members)
    }

    private mutating func readArray(depth: Int) throws(TrustMetadataError) -> JSONValue {
        var elements: [JSONValue] = []
        try readItems(until: UInt8(ascii: "]")) { (reader) throws(TrustMetadataError) in
            elements.append(try reader.readValue(depth: depth))
        }
        return .array(elements)
    }

    /// Reads an opening bracket, items with commas between them, and `closing`.
    private mutating func readItems(
        until closing: UInt8, _ readItem: (inout JSONReader) throws(TrustMetadataError) -> Void
    ) throws(TrustMetadataError) {
        position += 1
        skipSpace()
        if take(closing) { return }
        while true {
            try readItem(&self)
            skipSpace()
            if take(closing) { return }
            guard take(UInt8(ascii: ",")) else { throw malformed("a comma or an end is expected") }
            skipSpace()
        }
    }

    private mutating func readInteger() throws(TrustMetadataError) -> Int64 {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let digits = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        if let byte = peek, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(byte) {
            throw malformed("only whole numbers without an exponent are allowed")
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        let isZero = position - digits == 1 && bytes[digits] == UInt8(ascii: "0")
        guard position > digits, isZero ? digits == start : bytes[digits] != UInt8(ascii: "0") else {
            throw malformed("'\(text)' is no number")
        }
        guard let value = Int64(text) else { throw malformed("\(text.prefix(32)) does not fit into 64 bits") }
        return value
    }

    private mutating func readWord(_ word: String, _ value: JSONValue) throws(TrustMetadataError) -> JSONValue {
        guard bytes[position...].starts(with: word.utf8) else { throw malformed("a value is expected") }
        position += word.utf8.count
        return value
    }

    private mutating func readString() throws(TrustMetadataError) -> String {
        let start = position
        position += 1
        var text: [UInt8] = []
        while let byte = peek, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw malformed("a control character stands in a string") }
            position += 1
            if byte == UInt8(ascii: "\\") { text.append(contentsOf: try readEscape()) } else { text.append(byte) }
        }
        guard take(UInt8(ascii: "\"")) else { throw malformed("a string has no end", at: start) }
        guard let string = String(validating: text, as: UTF8.self) else {
            throw malformed("a string is not UTF-8", at: start)
        }
        return string
    }

    private mutating func readEscape() throws(TrustMetadataError) -> [UInt8] {
        guard let letter = peek else { throw malformed("it ends too early") }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(try readScalar()).utf8)
        default: throw malformed("an unknown escape stands in a string")
        }
    }

    /// Reads the digits after `\u`, and a second escape where the first is half of a pair.
    private mutating func readScalar() throws(TrustMetadataError) -> Character {
        let first = try readUnit()
        // C functions end their strings at NUL: what was checked would not be what is used.
        guard first != 0 else { throw malformed("a NUL character stands in a string") }
        var value = first
        if (0xD800..<0xDC00).contains(first) {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw malformed("half of a surrogate pair") }
            let second = try readUnit()
            guard (0xDC00..<0xE000).contains(second) else { throw malformed("half of a surrogate pair") }
            value = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw malformed("half of a surrogate pair") }
        return Character(scalar)
    }

    private mutating func readUnit() throws(TrustMetadataError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed("four hexadecimal digits are expected after \\u")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private func malformed(_ detail: String, at place: Int? = nil) -> TrustMetadataError {
        .malformed(what: what, detail: "\(detail), at byte \(place ?? position)")
    }
}

extension JSONValue {
    /// Reads a whole JSON text; see `JSONReader` for what is refused.
    ///
    /// - Parameters:
    ///   - what: names the text in messages.
    ///   - valueLimit: the most values that it may have.
    /// - Throws: `TrustMetadataError.malformed` with the byte offset.
    public init(
        strict bytes: [UInt8], what: String, valueLimit: Int = 1 << 20
    ) throws(TrustMetadataError) {
        var reader = JSONReader(bytes, what: what, valueLimit: valueLimit)
        self = try reader.readAll()
    }
}
