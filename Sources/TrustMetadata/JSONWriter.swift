extension JSONValue {
    /// The value as UTF-8, without a line end after it. The same value always gives the same bytes.
    ///
    /// - Parameter pretty: with line ends and an indentation of two.
    public func encode(pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        writer.write(self)
        return writer.bytes
    }
}

private struct JSONWriter {
    let pretty: Bool
    var bytes: [UInt8] = []
    private var depth = 0

    init(pretty: Bool) { self.pretty = pretty }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(String(value))
        case .string(let value): writeString(value)
        case .array(let elements):
            writeItems(elements, between: ("[", "]")) { writer, element in writer.write(element) }
        case .object(let members):
            writeItems(members, between: ("{", "}")) { writer, member in
                writer.writeString(member.key)
                writer.append(writer.pretty ? ": " : ":")
                writer.write(member.value)
            }
        }
    }

    private mutating func writeItems<Item>(
        _ items: [Item], between brackets: (String, String), _ writeItem: (inout JSONWriter, Item) -> Void
    ) {
        append(brackets.0)
        depth += 1
        for (index, item) in items.enumerated() {
            if index > 0 { append(",") }
            startLine()
            writeItem(&self, item)
        }
        depth -= 1
        if !items.isEmpty { startLine() }
        append(brackets.1)
    }

    private mutating func startLine() {
        guard pretty else { return }
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(0x20, count: 2 * depth))
    }

    private mutating func writeString(_ text: String) {
        append("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0A: append("\\n")
            case 0x09: append("\\t")
            case 0x00..<0x20: append(byte < 0x10 ? "\\u000" : "\\u00", String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        append("\"")
    }

    private mutating func append(_ texts: String...) {
        for text in texts { bytes.append(contentsOf: text.utf8) }
    }
}
