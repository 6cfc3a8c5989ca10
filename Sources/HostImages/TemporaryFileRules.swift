import ObjectFormats

/// Lines of a tmpfiles.d file, for what other files there do not make already.
struct TemporaryFileRules {
    private var lines: [String] = []
    /// Paths that another file makes: its line counts, with its age and its attributes.
    private let made: Set<String>

    /// - Parameter existing: the texts of the files that packages ship.
    init(existing: [String]) {
        made = Set(existing.flatMap { $0.split(separator: "\n").compactMap(Self.madePath) })
    }

    /// The file.
    var text: String {
        "# What the image's packages have in /var; written by hostctl image build.\n"
            + lines.map { "\($0)\n" }.joined()
    }

    /// A folder (`d`) or a file copied from /usr/share/factory (`C`).
    mutating func add(_ kind: Character, _ path: String, _ attributes: FileAttributes) {
        if made.contains(path) { return }
        let digits = String(attributes.permissions, radix: 8)
        let mode = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        lines.append("\(kind) \(Self.escape(path)) \(mode) \(attributes.uid) \(attributes.gid) - -")
    }

    /// A symbolic link.
    mutating func add(link path: String, target: String) {
        if made.contains(path) { return }
        lines.append("L \(Self.escape(path)) - - - - \(target.replacing("%", with: "%%"))")
    }

    /// The path of a line that creates something.
    static func madePath(_ line: Substring) -> String? {
        let fields = line.split(maxSplits: 2) { $0 == " " || $0 == "\t" }
        guard fields.count >= 2, let kind = fields[0].first, "dDvqQCLfpbc".contains(kind) else { return nil }
        return fields[1].filter { $0 != "\"" }
    }

    /// The same text with the paths of `moved` folders, and those below, in /var.
    static func redirect(_ text: String, _ moved: [String: String]) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let fields = line.split(maxSplits: 2) { $0 == " " || $0 == "\t" }
            guard fields.count >= 2, fields[0].first != "#",
                let folder = moved.keys.first(where: {
                    fields[1] == "/\($0)" || fields[1].hasPrefix("/\($0)/")
                }), let target = moved[folder]
            else { return String(line) }
            let path = "/var/\(target)\(fields[1].dropFirst(folder.count + 1))"
            return String(line[..<fields[1].startIndex]) + path + line[fields[1].endIndex...]
        }.joined(separator: "\n")
    }

    /// tmpfiles expands `%` and splits at white space.
    private static func escape(_ path: String) -> String {
        let plain = path.replacing("%", with: "%%").replacing("\\", with: "\\\\")
        guard plain.contains(where: { $0 == " " || $0 == "\t" || $0 == "\"" || $0 == "'" }) else { return plain }
        return "\"\(plain.replacing("\"", with: "\\\""))\""
    }
}
