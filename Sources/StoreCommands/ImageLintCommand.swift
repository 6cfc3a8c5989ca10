import ArgumentParser
import HostImages
import HostctlCommands
import LinuxSystem
import ObjectStorage
import SystemPackage
import TrustMetadata

/// `--skip`, `--fatal-warnings`, `--setuid-files`: how images are checked.
struct LintOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A check to leave out; may be repeated.", valueName: "name")) var skip: [String] = []
    @Flag(help: "Fail for warnings, too.") var fatalWarnings = false
    @Option(
        help: ArgumentHelp(
            "A recipe, whose SetuidFiles= says which files may have set-id bits.", valueName: "folder"))
    var recipe: String?

    /// The policy that the options describe.
    func policy() throws -> LintPolicy {
        let allowed = try recipe.flatMap { try Recipe(reading: FilePath($0)).setuidFiles }
        return try LintPolicy(skipped: skip, warningsAreFatal: fatalWarnings, setuidFiles: allowed)
    }
}

/// `hostctl image lint`.
struct ImageLintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint", abstract: "Check an image, or a root filesystem that is to become one.",
        discussion: """
            Checks that 'bootc container lint' makes, too, have the same names. A fatal finding ends with exit code 1.

            Examples:
              hostctl image lint lean-host/stable/x86_64 --store ./builds --recipe images/lean-host
              hostctl image lint ./rootfs --fatal-warnings --skip sysusers
            """)

    @Argument(help: "A folder; with --store a ref or a commit.") var image: String?
    @Option(help: ArgumentHelp("The store that has the image.", valueName: "folder")) var store: String?
    @Flag(help: "List the checks.") var list = false
    @OptionGroup var lint: LintOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard list || image != nil else { throw ValidationError("Give a folder, or a ref and --store.") }
    }

    func run() throws {
        guard let image, !list else { return output.show(LintListOutput()) }
        let linter = Linter(policy: try lint.policy())
        let subject = try store.map { try LintSubject(image: image, in: Store(opening: FilePath($0))) }
        let report = try linter.check(subject ?? LintSubject(folder: FilePath(image)))
        output.show(LintOutput(report: report))
        try report.requireSuccess()
    }
}

/// The answer of `image lint`.
private struct LintOutput: OutputValue {
    let report: LintReport

    var text: String {
        let skipped = report.skipped.isEmpty ? "" : ", \(report.skipped.count) skipped"
        let sum =
            "\(report.passed) checks passed, \(report.count(.warning)) warnings, \(report.count(.fatal)) fatal\(skipped)"
        return (report.findings.map { $0.text(limit: 20) } + [sum]).joined(separator: "\n")
    }

    var json: JSONValue { report.json }
}

/// The answer of `image lint --list`.
private struct LintListOutput: OutputValue {
    var text: String {
        LintCheck.all.map { check in
            let name = check.name.padding(to: 22)
            return "\(name)\(check.level.rawValue.padding(to: 9))\(check.summary)"
        }.joined(separator: "\n")
    }

    var json: JSONValue {
        .array(
            LintCheck.all.map {
                ["name": .string($0.name), "level": .string($0.level.rawValue), "summary": .string($0.summary)]
            })
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
