public import TrustMetadata

extension LintFinding {
    /// For people: one line, and at most `limit` lines of what it is about.
    public func text(limit: Int) -> String {
        var lines = ["\(level.rawValue): \(check): \(message)"]
        lines += items.prefix(limit).map { "  \($0)" }
        if items.count > limit { lines.append("  … and \(items.count - limit) more") }
        return lines.joined(separator: "\n")
    }
}

extension LintReport {
    /// The schema: every member is always there; `findings` in the order of the checks' names, `items` sorted.
    public var json: JSONValue {
        [
            "format": 1, "passed": .integer(Int64(passed)), "warnings": .integer(Int64(count(.warning))),
            "fatal": .integer(Int64(count(.fatal))), "skipped": .array(skipped.map { .string($0) }),
            "findings": .array(
                findings.map {
                    [
                        "check": .string($0.check), "level": .string($0.level.rawValue),
                        "message": .string($0.message), "items": .array($0.items.map { .string($0) }),
                    ]
                }),
        ]
    }
}
