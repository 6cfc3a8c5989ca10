import ObjectStorage

extension LintChecks {
    /// Users and groups.
    static let accounts = [
        LintCheck("sysusers", .warning, "users and groups of /etc are made by sysusers.d") { subject, _ in
            let made = MadeAccounts(
                try subject.settingLines(["usr/lib/sysusers.d", "\(subject.etcPath)/sysusers.d"]))
            let users = try names(subject, "passwd").filter { !made.users.contains($0) }
            let groups = try names(subject, "group").filter { !made.groups.contains($0) }
            // A host whose /etc/passwd was changed keeps its own file, and never sees an account that an update adds.
            return LintResult.list("users without a line in sysusers.d", users)
                + LintResult.list("groups without a line in sysusers.d", groups)
        }
    ]

    private static func names(_ subject: LintSubject, _ file: String) throws -> [String] {
        let lines = try (subject.text("\(subject.etcPath)/\(file)") ?? "").split(whereSeparator: \.isNewline)
        return lines.compactMap { line in
            guard let name = line.split(separator: ":").first, name != "root" else { return nil }
            return String(name)
        }
    }
}

/// What sysusers.d makes. Source: sysusers.d(5).
private struct MadeAccounts {
    private(set) var users: Set<String> = []
    private(set) var groups: Set<String> = []

    init(_ lines: [Substring]) {
        for line in lines {
            let fields = line.split { $0 == " " || $0 == "\t" }.map { String($0.filter { $0 != "\"" }) }
            guard fields.count >= 2 else { continue }
            switch fields[0] {
            case "u", "u!":
                users.insert(fields[1])
                groups.insert(fields[1])
            case "g": groups.insert(fields[1])
            case "m":
                users.insert(fields[1])
                if fields.count >= 3 { groups.insert(fields[2]) }
            default: break
            }
        }
    }
}
