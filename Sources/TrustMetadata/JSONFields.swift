/// The members of a JSON object, read by name; every disagreement is a `malformed` error that names the member.
///
/// Members that nobody asks for are ignored, so that a newer writer can add some.
public struct JSONFields: Sendable {
    /// Names the text in messages, as "the release manifest".
    public let what: String
    private let place: String
    private let members: [String: JSONValue]

    /// Reads a whole text that must be an object, with at most `valueLimit` values.
    ///
    /// - Throws: `TrustMetadataError.malformed`.
    public init(
        strict bytes: [UInt8], what: String, valueLimit: Int = 1 << 20
    ) throws(TrustMetadataError) {
        try self.init(JSONValue(strict: bytes, what: what, valueLimit: valueLimit), what: what)
    }

    /// Of a value that must be an object.
    ///
    /// - Throws: `TrustMetadataError.malformed`.
    public init(_ value: JSONValue, what: String) throws(TrustMetadataError) {
        try self.init(value, what: what, place: "")
    }

    private init(_ value: JSONValue, what: String, place: String) throws(TrustMetadataError) {
        guard let members = value.object else {
            let subject = place.isEmpty ? "it" : "'\(place.dropLast())'"
            throw .malformed(what: what, detail: "\(subject) is \(value.kind), not an object")
        }
        self.what = what
        self.place = place
        self.members = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether there is such a member, even one that is `null`.
    public func has(_ key: String) -> Bool { members[key] != nil }

    /// Whether there is such a member and it is not `null`.
    public func isSet(_ key: String) -> Bool { members[key].map { $0 != .null } ?? false }

    /// The text of `key`.
    ///
    /// - Throws: `TrustMetadataError.malformed` when it is missing or of another kind; so do all that follow.
    public func string(_ key: String) throws(TrustMetadataError) -> String { try require(key, "a string", \.string) }

    /// The truth value of `key`.
    public func bool(_ key: String) throws(TrustMetadataError) -> Bool { try require(key, "a truth value", \.bool) }

    /// The number of `key`, refused outside `range`; not negative by default.
    public func integer(
        _ key: String, in range: ClosedRange<Int64> = 0...Int64.max
    ) throws(TrustMetadataError) -> Int64 {
        let value = try require(key, "a whole number", \.integer)
        guard range.contains(value) else { throw malformed("'\(place)\(key)' is \(value), which cannot be") }
        return value
    }

    /// The elements of `key`.
    public func array(_ key: String) throws(TrustMetadataError) -> [JSONValue] { try require(key, "a list", \.array) }

    /// The elements of `key`, all of them texts.
    public func strings(_ key: String) throws(TrustMetadataError) -> [String] {
        var texts: [String] = []
        for element in try array(key) {
            guard let text = element.string else { throw malformed("'\(place)\(key)' holds \(element.kind)") }
            texts.append(text)
        }
        return texts
    }

    /// The object of `key`.
    public func fields(_ key: String) throws(TrustMetadataError) -> JSONFields {
        try JSONFields(require(key, "an object") { $0 }, what: what, place: "\(place)\(key).")
    }

    /// The objects in the list of `key`.
    public func objects(_ key: String) throws(TrustMetadataError) -> [JSONFields] {
        var objects: [JSONFields] = []
        for (index, element) in try array(key).enumerated() {
            objects.append(try JSONFields(element, what: what, place: "\(place)\(key)[\(index)]."))
        }
        return objects
    }

    /// Requires the member `format` to be `number`.
    ///
    /// - Throws: `TrustMetadataError.unknownFormat` for another number; `.malformed` when there is none.
    public func requireFormat(_ number: Int64) throws(TrustMetadataError) {
        let format = try integer("format")
        guard format == number else { throw .unknownFormat(what: what, format: String(format)) }
    }

    /// An error about this object, for what only the caller can judge.
    public func malformed(_ detail: String) -> TrustMetadataError { .malformed(what: what, detail: detail) }

    private func require<Value>(
        _ key: String, _ wanted: String, _ read: (JSONValue) -> Value?
    ) throws(TrustMetadataError) -> Value {
        guard let member = members[key] else { throw malformed("'\(place)\(key)' is missing") }
        guard let value = read(member) else {
            throw malformed("'\(place)\(key)' is \(member.kind), not \(wanted)")
        }
        return value
    }
}
