/// A JSON value of the strict kind this project reads and writes: whole numbers only, members in order.
public indirect enum JSONValue: Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A whole number; fractions and exponents do not exist here.
    case integer(Int64)
    /// Text.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Members in the order they have in the text, each key once.
    case object([(key: String, value: JSONValue)])

    /// The truth value, or `nil` for another kind.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The number, or `nil` for another kind.
    public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The text, or `nil` for another kind.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The elements, or `nil` for another kind.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// The members, or `nil` for another kind.
    public var object: [(key: String, value: JSONValue)]? { if case .object(let value) = self { value } else { nil } }

    /// The member `key` of an object; `nil` when there is none, or for another kind.
    public subscript(key: String) -> JSONValue? { object?.first { $0.key == key }?.value }

    /// What kind of value it is, in words for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a truth value"
        case .integer: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSONValue: Equatable {
    /// Equal values of the same kind; the order of an object's members counts, since it is written out.
    public static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.elementsEqual(right) { $0.key == $1.key && $0.value == $1.value }
        default: false
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSONValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral {
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { (key: $0.0, value: $0.1) })
    }
    public init(nilLiteral: ()) { self = .null }
}
