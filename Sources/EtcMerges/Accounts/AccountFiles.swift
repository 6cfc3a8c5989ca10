import Glibc
import LinuxSystem

/// The files of /etc that hold an account a line.
enum AccountKind: String, CaseIterable {
    case passwd, group, shadow, gshadow

    var name: EtcName { EtcName(rawValue) }
    var fieldCount: Int {
        switch self {
        case .passwd: 7
        case .shadow: 9
        case .group, .gshadow: 4
        }
    }
    /// The fields that hold a number of a user or group.
    var numbers: [Int] {
        switch self {
        case .passwd: [2, 3]
        case .group: [2]
        case .shadow, .gshadow: []
        }
    }
    /// The fields that are lists of users.
    var lists: [Int] {
        switch self {
        case .group: [3]
        case .gshadow: [2, 3]
        case .passwd, .shadow: []
        }
    }
    /// What the field of a password has to say that an account has none and needs none to be told so.
    var isSecret: Bool { self == .shadow || self == .gshadow }
}

/// Those files of one tree; what is missing, or no regular file, is left out.
struct AccountFiles {
    /// Ranges that are handed out locally and belong to no image: the local file stays whatever the image has.
    static let untouched: Set<EtcName> = [EtcName("subuid"), EtcName("subgid")]
    private static let limit = 16 << 20

    var contents: [AccountKind: [UInt8]] = [:]
    /// Those that are there and no regular file: an operator's link, which is merged as any other.
    private(set) var others: Set<AccountKind> = []

    init(_ contents: [AccountKind: [UInt8]] = [:]) { self.contents = contents }

    /// - Throws: `SystemError`, `EtcMergeError.accountsTooLarge`.
    init(reading folder: OpenFolder?) throws {
        for kind in AccountKind.allCases {
            guard let found = try Located(kind.name, in: folder) else { continue }
            guard found.entry.kind == .file else {
                others.insert(kind)
                continue
            }
            guard found.entry.status.st_size <= Self.limit else {
                throw EtcMergeError.accountsTooLarge(path: found.path)
            }
            contents[kind] = try found.asFile().readToEnd(limit: Self.limit)
        }
    }

    func lines(_ kind: AccountKind) -> AccountLines { AccountLines(contents[kind] ?? [], kind) }
}

/// One such file, line by line. What is no entry stays as it is, byte for byte: comments, NIS lines, malformed ones.
struct AccountLines {
    struct Line {
        /// Without the newline.
        var bytes: [UInt8]
        /// The first is the name. `nil` when the line is no entry.
        let fields: [[UInt8]]?
    }

    let kind: AccountKind
    private(set) var lines: [Line] = []
    private var endsWithNewline = true
    /// Of several entries of a name the first counts, as for the C library.
    private var indices: [[UInt8]: Int] = [:]

    init(_ bytes: [UInt8], _ kind: AccountKind) {
        self.kind = kind
        var parts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        endsWithNewline = parts.last?.isEmpty ?? true
        if endsWithNewline, !parts.isEmpty { parts.removeLast() }
        for part in parts { append(Line(bytes: Array(part), fields: Self.fields(part, kind))) }
    }

    private static func fields(_ line: ArraySlice<UInt8>, _ kind: AccountKind) -> [[UInt8]]? {
        guard let first = line.first, !"#+-".utf8.contains(first) else { return nil }
        let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map { Array($0) }
        guard fields.count == kind.fieldCount, !fields[0].isEmpty,
            kind.numbers.allSatisfy({ number(fields[$0]) != nil })
        else { return nil }
        return fields
    }

    static func number(_ field: [UInt8]) -> UInt32? {
        guard !field.isEmpty, field.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
            return nil
        }
        return UInt32(String(decoding: field, as: UTF8.self))
    }

    private mutating func append(_ line: Line) {
        if let name = line.fields?[0], indices[name] == nil { indices[name] = lines.count }
        lines.append(line)
    }

    /// The first of each name, in the order of the file.
    var entries: [[[UInt8]]] { indices.values.sorted().compactMap { lines[$0].fields } }
    func entry(_ name: [UInt8]) -> [[UInt8]]? { indices[name].flatMap { lines[$0].fields } }
    /// The names of all entries with this number, at this place of the line.
    func names(_ number: UInt32, at field: Int) -> [[UInt8]] {
        lines.compactMap(\.fields).filter { Self.number($0[field]) == number }.map { $0[0] }
    }

    /// Puts other fields into the entry of their name.
    mutating func replace(_ fields: [[UInt8]]) {
        guard let index = indices[fields[0]] else { return }
        lines[index] = Line(bytes: Self.join(fields), fields: fields)
    }

    /// Adds an entry, before the NIS lines at the end: nothing after those counts.
    mutating func add(_ fields: [[UInt8]]) {
        let line = Line(bytes: Self.join(fields), fields: fields)
        let compatible = lines.firstIndex { line in line.bytes.first.map { "+-".utf8.contains($0) } ?? false }
        let index = compatible ?? lines.count
        if index == lines.count { endsWithNewline = true }
        for (name, place) in indices where place >= index { indices[name] = place + 1 }
        lines.insert(line, at: index)
        if indices[fields[0]] == nil { indices[fields[0]] = index }
    }

    private static func join(_ fields: [[UInt8]]) -> [UInt8] { Array(fields.joined(separator: [UInt8(ascii: ":")])) }

    /// The whole file.
    var bytes: [UInt8] {
        var bytes = Array(lines.map(\.bytes).joined(separator: [UInt8(ascii: "\n")]))
        if endsWithNewline, !lines.isEmpty { bytes.append(UInt8(ascii: "\n")) }
        return bytes
    }
}
