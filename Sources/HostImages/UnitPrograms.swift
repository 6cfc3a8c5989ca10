import ObjectStorage

/// The programs that systemd's units and udev's rules call.
enum UnitPrograms {
    /// - Returns: their paths; nothing for other files, and for what may be missing (`ExecStart=-…`).
    /// - Throws: `SystemError`.
    static func called(by file: TreeFile, at path: String) throws -> [String] {
        let parts = path.split(separator: "/")
        guard let name = parts.last, path.hasPrefix("usr/lib/") || path.hasPrefix("etc/"), file.size <= 1 << 20 else {
            return []
        }
        let isUnit =
            path.contains("/systemd/")
            && [".service", ".socket", ".mount", ".swap"].contains { suffix in
                name.hasSuffix(suffix)
                    || name.hasSuffix(".conf") && parts.dropLast().last?.hasSuffix("\(suffix).d") == true
            }
        if isUnit { return unit(String(decoding: try file.read(limit: 1 << 20), as: UTF8.self)) }
        guard path.contains("/udev/rules.d/"), name.hasSuffix(".rules") else { return [] }
        return rules(String(decoding: try file.read(limit: 1 << 20), as: UTF8.self))
    }

    /// From the lines `Exec…=`. A program after `-` may be missing, one on which the unit has a condition too, and one
    /// with `%` is only known later.
    static func unit(_ text: String) -> [String] {
        let lines = text.replacing("\\\n", with: " ").split(separator: "\n")
        let conditions = ["ConditionFileIsExecutable=", "ConditionPathExists="]
        let optional = Set(
            lines.compactMap { line in conditions.first { line.hasPrefix($0) }.map { line.dropFirst($0.count) } })
        return lines.compactMap { line in
            guard line.hasPrefix("Exec"), let equals = line.firstIndex(of: "="), !line[..<equals].contains(" ") else {
                return nil
            }
            let command = line[line.index(after: equals)...].drop { $0 == " " }
            let prefix = command.prefix { "-@:+!|".contains($0) }
            let program = command.dropFirst(prefix.count).prefix { $0 != " " && $0 != "\t" }
            if program.isEmpty || prefix.contains("-") || program.contains("%") || program.hasPrefix("\"") {
                return nil
            }
            if optional.contains(program) { return nil }
            return String(program)
        }
    }

    /// From `PROGRAM==`, `RUN+=` and `IMPORT{program}=`; what udev does by itself is left out.
    static func rules(_ text: String) -> [String] {
        var programs: [String] = []
        for line in text.replacing("\\\n", with: " ").split(separator: "\n") where !line.hasPrefix("#") {
            for field in line.split(separator: ",") {
                let field = field.drop { $0 == " " || $0 == "\t" }
                guard
                    ["PROGRAM=", "RUN+=", "RUN=", "RUN{program}", "IMPORT{program}"].contains(where: {
                        field.hasPrefix($0)
                    }),
                    let quote = field.firstIndex(of: "\"")
                else { continue }
                let program = field[field.index(after: quote)...].prefix { $0 != " " && $0 != "\"" }
                if !program.isEmpty, !program.contains("%"), !program.contains("$") { programs.append(String(program)) }
            }
        }
        return programs
    }
}
