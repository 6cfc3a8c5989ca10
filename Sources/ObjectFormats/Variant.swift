/// A value in a commit's metadata, in the types that ostree and hostctl use.
public enum Variant: Equatable, Sendable {
    case string(String)
    case strings([String])
    case bool(Bool)
    case uint32(UInt32)
    case uint64(UInt64)
    case bytes([UInt8])
    case byteStrings([[UInt8]])
    /// Rows of strings, type `aas`.
    case rows([[String]])
    /// Any other type, kept as it is.
    case other(type: String, bytes: [UInt8])

    var type: String {
        switch self {
        case .string: "s"
        case .strings: "as"
        case .bool: "b"
        case .uint32: "u"
        case .uint64: "t"
        case .bytes: "ay"
        case .byteStrings: "aay"
        case .rows: "aas"
        case .other(let type, _): type
        }
    }

    var encoded: [UInt8] {
        switch self {
        case .string(let text): Array(text.utf8) + [0]
        case .strings(let texts): Self.encode(strings: texts)
        case .bool(let value): [value ? 1 : 0]
        case .uint32(let value): withUnsafeBytes(of: value.littleEndian, Array.init)
        case .uint64(let value): withUnsafeBytes(of: value.littleEndian, Array.init)
        case .bytes(let bytes), .other(_, let bytes): bytes
        case .byteStrings(let parts): Self.encode(elements: parts)
        case .rows(let rows): Self.encode(elements: rows.map(Self.encode(strings:)))
        }
    }

    private static func encode(strings: [String]) -> [UInt8] {
        var writer = GVariantWriter()
        for text in strings { writer.add(string: text) }
        return writer.array()
    }

    private static func encode(elements: [[UInt8]]) -> [UInt8] {
        var writer = GVariantWriter()
        for element in elements { writer.add(element) }
        return writer.array()
    }

    init(_ type: String, _ bytes: ArraySlice<UInt8>, _ reader: GVariantReader) throws(FormatError) {
        switch (type, bytes.count) {
        case ("s", _): self = .string(try reader.string(bytes))
        case ("as", _): self = .strings(try Self.strings(bytes, reader))
        case ("b", 1): self = .bool(bytes.first != 0)
        case ("u", 4): self = .uint32(UInt32(byteSwapped: reader.bigEndian32(bytes)))
        case ("t", 8): self = .uint64(UInt64(byteSwapped: reader.bigEndian64(bytes)))
        case ("ay", _): self = .bytes(Array(bytes))
        case ("aay", _): self = .byteStrings(try reader.array(bytes).map { Array($0) })
        case ("aas", _):
            var rows: [[String]] = []
            for row in try reader.array(bytes) { rows.append(try Self.strings(row, reader)) }
            self = .rows(rows)
        default: self = .other(type: type, bytes: Array(bytes))
        }
    }

    private static func strings(_ bytes: ArraySlice<UInt8>, _ reader: GVariantReader) throws(FormatError) -> [String] {
        var texts: [String] = []
        for element in try reader.array(bytes) { texts.append(try reader.string(element)) }
        return texts
    }
}

/// A dictionary `a{sv}`, as in commits and in detached metadata. Written in the order of the keys.
enum VariantDictionary {
    static func encode(_ values: [String: Variant]) -> [UInt8] {
        var writer = GVariantWriter()
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            var entry = GVariantWriter()
            entry.add(string: key)
            entry.add(value.encoded + [0] + Array(value.type.utf8), alignment: 8)
            writer.add(entry.tuple(lastIsVariable: true), alignment: 8)
        }
        return writer.array()
    }

    static func decode(_ bytes: ArraySlice<UInt8>, _ reader: GVariantReader) throws(FormatError) -> [String: Variant] {
        var values: [String: Variant] = [:]
        for entry in try reader.array(bytes, alignment: 8) {
            let parts = try reader.tuple(entry, [.variable(alignment: 1), .variable(alignment: 8)])
            guard let separator = parts[1].lastIndex(of: 0),
                let type = String(validating: parts[1][(separator + 1)...], as: UTF8.self), !type.isEmpty
            else { throw FormatError(reader.what, "a metadata value has no type") }
            let key = try reader.string(parts[0])
            let value = try Variant(type, parts[1][..<separator], reader)
            guard values.updateValue(value, forKey: key) == nil else {
                throw FormatError(reader.what, "the metadata key '\(key)' stands there twice")
            }
        }
        return values
    }
}

extension FixedWidthInteger {
    fileprivate init(byteSwapped value: Self) { self = value.byteSwapped }
}
