/// The groups, keys and values of a GKeyFile, read as far as they can be.
///
/// What libostree refuses as a whole file is read here line by line: damage becomes a sentence, and the
/// rest of the file still counts.
public struct KeyFileText: Sendable, Equatable {
    /// Values by group and key; the last of two equal keys counts, as in GLib.
    public private(set) var groups: [String: [String: String]] = [:]
    /// What is wrong with the file, in its order.
    public private(set) var damage: [String] = []

    /// Reads bytes that may be anything.
    public init(_ bytes: [UInt8]) {
        if bytes.isEmpty { damage.append("it is empty") }
        if let last = bytes.last, last != UInt8(ascii: "\n") { damage.append("it ends in the middle of a line") }
        var group: String?
        for (number, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        {
            guard let text = String(validating: line, as: UTF8.self) else {
                damage.append("line \(number + 1) is not UTF-8")
                continue
            }
            read(Self.trimmed(text), number: number + 1, group: &group)
        }
    }

    private mutating func read(_ line: Substring, number: Int, group: inout String?) {
        if line.isEmpty || line.hasPrefix("#") { return }
        if line.hasPrefix("["), line.hasSuffix("]"), line.count > 2 {
            let name = String(line.dropFirst().dropLast())
            group = name
            groups[name, default: [:]] = groups[name, default: [:]]
            return
        }
        let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let key = Self.trimmed(parts[0])
        guard parts.count == 2, !key.isEmpty else { return damage.append("line \(number) is no key and value") }
        guard let group else { return damage.append("line \(number) stands in no group") }
        groups[group, default: [:]][String(key)] = Self.unescaped(Self.trimmed(parts[1]))
    }

    /// The value of a key, if there is one.
    public subscript(group: String, key: String) -> String? { groups[group]?[key] }

    private static func trimmed(_ text: some StringProtocol) -> Substring {
        var text = Substring(text)
        while let first = text.first, first == " " || first == "\t" || first == "\r" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return text
    }

    private static func unescaped(_ value: Substring) -> String {
        var result = ""
        var escaped = false
        for character in value {
            if escaped {
                switch character {
                case "s": result.append(" ")
                case "n": result.append("\n")
                case "t": result.append("\t")
                case "r": result.append("\r")
                default: result.append(character)
                }
                escaped = false
            } else if character == "\\" {
                escaped = true
            } else {
                result.append(character)
            }
        }
        return result
    }
}
