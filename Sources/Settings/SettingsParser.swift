/// One `Key=Value` line, and where it stands.
struct SettingsAssignment: Equatable, Sendable {
    let section: String
    let key: String
    let value: String
    /// `FILE:LINE`, or what else to look at.
    let place: String
    /// Counts the section lines of the file up to this one.
    var block = 0
}

/// systemd's syntax: sections, `Key=Value`, comments, continuation lines.
struct SettingsParser {
    private let name: String
    private let schema: SettingsSchema
    private var section: String?
    /// Whether the section is not known, so that nothing in it counts.
    private var isIgnored = false
    private var block = 0
    private var assignments: [SettingsAssignment] = []
    private var warnings: [SettingsError] = []
    /// A line that a backslash continues, and the line number where it began.
    private var pending: (text: String, line: Int)?

    private init(name: String, schema: SettingsSchema) {
        self.name = name
        self.schema = schema
    }

    /// The assignments of a file, in its order, and what was ignored in it.
    ///
    /// - Parameter name: the file's name in messages.
    static func parse(_ text: String, name: String, schema: SettingsSchema) throws(SettingsError)
        -> (assignments: [SettingsAssignment], warnings: [SettingsError])
    {
        var parser = SettingsParser(name: name, schema: schema)
        // A byte order mark is not a character of the first line; a carriage return is white space.
        let body = text.unicodeScalars.first == "\u{FEFF}" ? text.unicodeScalars.dropFirst() : text.unicodeScalars[...]
        for (index, line) in body.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            try parser.take(String(line), line: index + 1)
        }
        if let pending = parser.pending {
            throw SettingsError("\(name):\(pending.line)", "the file ends in the middle of a continued line")
        }
        return (parser.assignments, parser.warnings)
    }

    private mutating func take(_ raw: String, line: Int) throws(SettingsError) {
        let trimmed = raw.trimmingSpace
        // A comment between continued lines does not end them.
        if trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { return }
        if trimmed.unicodeScalars.contains("\0") {
            throw SettingsError("\(name):\(line)", "a zero byte is not allowed")
        }
        let start = pending?.line ?? line
        let whole = (pending?.text ?? "") + trimmed
        if Self.endsInBackslash(trimmed) {
            pending = (whole.dropLast().trimmingSpace + " ", start)
            return
        }
        pending = nil
        try takeWhole(whole.trimmingSpace, place: "\(name):\(start)")
    }

    /// Whether the line goes on: an even number of backslashes at its end are characters.
    private static func endsInBackslash(_ line: String) -> Bool {
        line.reversed().prefix { $0 == "\\" }.count % 2 == 1
    }

    private mutating func takeWhole(_ line: String, place: String) throws(SettingsError) {
        if line.isEmpty { return }
        if line.hasPrefix("[") {
            block += 1
            return section = try sectionName(line, place: place)
        }
        guard let equals = line.firstIndex(of: "=") else {
            throw SettingsError(
                place, "'\(line)' is neither [Section] nor Key=Value", advice: "comments begin with '#'")
        }
        let key = line[..<equals].trimmingSpace
        guard !key.isEmpty else { throw SettingsError(place, "the key before '=' is missing") }
        guard let section else {
            throw SettingsError(place, "'\(key)' stands before any section", advice: "put a [Section] line above it")
        }
        if isIgnored { return }
        guard try isKnown(key: key, in: section, place: place) else { return }
        let value = line[line.index(after: equals)...].trimmingSpace
        assignments.append(
            SettingsAssignment(section: section, key: key, value: value, place: place, block: block))
    }

    private mutating func sectionName(_ line: String, place: String) throws(SettingsError) -> String {
        guard line.hasSuffix("]") else {
            throw SettingsError(place, "the section '\(line)' has no closing bracket", advice: "write \(line)]")
        }
        let name = String(line.dropFirst().dropLast())
        isIgnored = try !isKnown(in: name, place: place)
        return name
    }

    /// Whether the schema has a section, or a key in one; where there may be others, too, they are noted.
    private mutating func isKnown(
        key: String? = nil, in section: String, place: String
    ) throws(SettingsError) -> Bool {
        do throws(SettingsError) {
            if let key { try schema.check(key: key, in: section, place: place) }
            if key == nil { try schema.check(section: section, place: place) }
            return true
        } catch {
            guard schema.unknown == .warned else { throw error }
            if !(key ?? section).hasPrefix("X-") { warnings.append(error) }
            return false
        }
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmingSpace: String {
        let space: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\n" || $0 == "\r\n" }
        guard let first = firstIndex(where: { !space($0) }), let last = lastIndex(where: { !space($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
