/// The records of a pax extension header: `LENGTH KEY=VALUE`, each with a newline at its end.
///
/// Source: POSIX.1-2017 `pax`, "pax Extended Header"; attributes as star, GNU tar and libarchive write them.
struct PaxRecords {
    /// Values by key; an empty one takes a value of the global header back.
    private(set) var values: [String: [UInt8]] = [:]
    private(set) var attributes: [TarEntry.Attribute] = []
    /// Of each attribute in the list.
    private var places: [[UInt8]: Int] = [:]

    /// Global records are gone through for every entry.
    static let globalCountLimit = 64

    /// Keys and attributes.
    var count: Int { values.count + attributes.count }
    /// Bytes of all of them.
    var size: Int {
        values.reduce(0) { $0 + $1.key.utf8.count + $1.value.count }
            + attributes.reduce(0) { $0 + $1.name.count + $1.value.count }
    }

    private static let attributePrefix = "SCHILY.xattr."
    /// How GNU tar writes SELinux's label: without the NUL that belongs to it.
    private static let labelKey = "RHT.security.selinux"
    private static let labelName = Array("security.selinux".utf8)

    init() {}

    /// - Returns: `nil` for what does not follow the format.
    init?(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !digits.isEmpty, digits.count <= 8, rest.dropFirst(digits.count).first == UInt8(ascii: " "),
                let length = Int(String(decoding: digits, as: UTF8.self)), length <= rest.count,
                length > digits.count + 3
            else { return nil }
            let record = rest.prefix(length)
            rest = rest.dropFirst(length)
            guard record.last == UInt8(ascii: "\n") else { return nil }
            let pair = record.dropFirst(digits.count + 1).dropLast()
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")), equals > pair.startIndex,
                let key = String(validating: pair[..<equals], as: UTF8.self)
            else { return nil }
            guard add(key, Array(pair[(equals + 1)...])) else { return nil }
        }
    }

    private mutating func add(_ key: String, _ value: [UInt8]) -> Bool {
        if key.hasPrefix(Self.attributePrefix) {
            let name = Array(key.utf8.dropFirst(Self.attributePrefix.utf8.count))
            guard !name.isEmpty, name.count <= 255, !name.contains(0) else { return false }
            return add(attribute: name, value)
        }
        if key == Self.labelKey { return add(attribute: Self.labelName, value + [0]) }
        values[key] = value
        return true
    }

    /// GNU tar writes a label under its own key and, when asked for all attributes, once more as one of them.
    private mutating func add(attribute name: [UInt8], _ value: [UInt8]) -> Bool {
        if let place = places[name] { return attributes[place].value == value || name == Self.labelName }
        append(TarEntry.Attribute(name: name, value: value))
        return true
    }

    private mutating func append(_ attribute: TarEntry.Attribute) {
        places[attribute.name] = attributes.count
        attributes.append(attribute)
    }

    /// This entry's records over those of the global header.
    func merged(over global: PaxRecords) -> PaxRecords {
        if global.values.isEmpty && global.attributes.isEmpty { return self }
        var result = self
        result.values.merge(global.values) { own, _ in own }
        for attribute in global.attributes where places[attribute.name] == nil { result.append(attribute) }
        return result
    }

    /// A path or target; `nil` when there is none.
    func text(_ key: String) -> [UInt8]? { values[key].flatMap { $0.isEmpty ? nil : $0 } }

    /// A number without fraction; fractions of times are cut off and times before 1970 count as 1970.
    ///
    /// - Returns: `nil` when there is none; a negative number for one that is malformed.
    func number(_ key: String) -> Int64? {
        guard let bytes = text(key) else { return nil }
        let whole = key == "mtime" ? bytes.prefix { $0 != UInt8(ascii: ".") } : bytes[...]
        if key == "mtime", whole.first == UInt8(ascii: "-") { return 0 }
        guard whole.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return -1 }
        return Int64(String(decoding: whole, as: UTF8.self)) ?? -1
    }
}
