/// Which checks are made, and how strictly.
public struct LintPolicy: Sendable, Equatable {
    /// Checks that are left out, by name.
    public var skipped: Set<String>
    /// Whether a warning fails, too.
    public var warningsAreFatal: Bool
    /// The files that may have set-id bits or capabilities, by absolute path; `nil` when nobody has made a list.
    public var setuidFiles: [String]?

    /// - Throws: `ImageError.unknownCheck` for a name among `skipped` that no check has.
    public init(
        skipped: [String] = [], warningsAreFatal: Bool = false, setuidFiles: [String]? = nil
    ) throws(ImageError) {
        for name in skipped where !LintCheck.all.contains(where: { $0.name == name }) { throw .unknownCheck(name) }
        self.skipped = Set(skipped)
        self.warningsAreFatal = warningsAreFatal
        self.setuidFiles = setuidFiles
    }
}

/// What a finding means.
public enum LintLevel: String, Sendable {
    /// The image does not boot, cannot be stored or cannot be fetched.
    case fatal
    /// Something that one likely wants to change.
    case warning
}

/// What a check found.
public struct LintFinding: Sendable, Equatable {
    /// The check's name.
    public let check: String
    public let level: LintLevel
    /// One sentence.
    public let message: String
    /// What it is about: paths, users; all of them, sorted.
    public let items: [String]
}

/// A property that images should have.
public struct LintCheck: Sendable {
    /// As `--skip` takes it. Checks that `bootc container lint` makes, too, have its names.
    public let name: String
    /// What a finding means, unless it says otherwise.
    public let level: LintLevel
    /// For `--list`.
    public let summary: String
    let run: @Sendable (LintSubject, LintPolicy) throws -> [LintResult]

    init(
        _ name: String, _ level: LintLevel, _ summary: String,
        _ run: @escaping @Sendable (LintSubject, LintPolicy) throws -> [LintResult]
    ) {
        self.name = name
        self.level = level
        self.summary = summary
        self.run = run
    }

    /// Every check, by name.
    public static let all: [LintCheck] =
        (LintChecks.layout + LintChecks.state + LintChecks.files + LintChecks.accounts).sorted { $0.name < $1.name }
}

/// A finding without what its check adds.
struct LintResult {
    let message: String
    var items: [String] = []
    /// `nil` for the check's own.
    var level: LintLevel?

    /// A result when there is something to list.
    static func list(_ message: String, _ items: [String], level: LintLevel? = nil) -> [LintResult] {
        items.isEmpty ? [] : [LintResult(message: message, items: items, level: level)]
    }
}

/// Runs the checks.
public struct Linter: Sendable {
    let policy: LintPolicy

    public init(policy: LintPolicy) { self.policy = policy }

    /// - Throws: `SystemError` for a file that cannot be read.
    public func check(_ subject: LintSubject) throws -> LintReport {
        var findings: [LintFinding] = []
        var passed = 0
        for check in LintCheck.all where !policy.skipped.contains(check.name) {
            let results = try check.run(subject, policy)
            if results.isEmpty { passed += 1 }
            findings += results.map {
                let level = policy.warningsAreFatal ? .fatal : $0.level ?? check.level
                return LintFinding(
                    check: check.name, level: level, message: $0.message,
                    items: $0.items.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
            }
        }
        return LintReport(findings: findings, passed: passed, skipped: policy.skipped.sorted())
    }
}

/// What the checks found.
public struct LintReport: Sendable, Equatable {
    /// In the order of the checks' names.
    public let findings: [LintFinding]
    /// How many checks found nothing.
    public let passed: Int
    /// The names of those that were left out.
    public let skipped: [String]

    /// How many findings have a level.
    public func count(_ level: LintLevel) -> Int { findings.count { $0.level == level } }

    /// - Throws: `ImageError.lintFailed` when a finding is fatal.
    public func requireSuccess() throws(ImageError) {
        let fatal = findings.filter { $0.level == .fatal }
        if fatal.isEmpty { return }
        let details = fatal.map { finding in
            let items = finding.items.prefix(5).joined(separator: ", ") + (finding.items.count > 5 ? ", …" : "")
            return "\(finding.check) (\(finding.message)\(items.isEmpty ? "" : ": \(items)"))"
        }
        throw .lintFailed(details)
    }
}
