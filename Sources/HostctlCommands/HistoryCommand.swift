public import ArgumentParser
import Sysroots
import SystemPackage
import TrustMetadata

/// `hostctl history`.
public struct HistoryCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show what was changed and what failed, newest first.",
        discussion: """
            Works without privileges; lines of the log that cannot be read are named and passed over.

            Example: hostctl history --limit 10
            """)

    @Option(help: ArgumentHelp("Show only the newest ones.", valueName: "count")) var limit: Int?
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    public init() {}

    public func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit takes a number above 0.") }
    }

    public func run() throws {
        let reader = SysrootReader(root: sysroot.root)
        guard reader.isSysroot else { throw NotASysroot(path: sysroot.root.string) }
        output.show(HistoryReport(try History(reader.paths).read(), limit: limit))
    }
}

/// What `hostctl history` prints.
struct HistoryReport: OutputValue {
    private let entries: [HistoryEntry]
    private let reading: History.Reading

    init(_ reading: History.Reading, limit: Int? = nil) {
        self.reading = reading
        entries = reading.entries.suffix(limit ?? .max).reversed()
    }

    var text: String {
        let lines = entries.map(line) + damage
        return lines.isEmpty ? "Nothing has been changed yet." : lines.joined(separator: "\n")
    }

    private func line(_ entry: HistoryEntry) -> String {
        let action = entry.action.rawValue
        let start = "\(UTCTime(entry.time))  \(action)\(String(repeating: " ", count: max(1, 10 - action.count)))"
        if entry.action == .failure {
            let times = entry.count > 1 ? ", \(entry.count) times in a row" : ""
            return "\(start)'\(entry.command)'\(times): \(entry.reason ?? "no reason is known")".terminalSafe
        }
        let version = entry.version.map { "\($0)  " } ?? ""
        return "\(start)\(version)\(entry.deployment ?? "")  by '\(entry.command)'".terminalSafe
    }

    private var damage: [String] {
        let lines = reading.damage.map { damage in
            damage.line == 0 ? damage.detail : "line \(damage.line) of the log cannot be read: \(damage.detail)"
        }
        return lines.map(\.terminalSafe) + (reading.isCut ? ["The log is too large; its beginning is left out."] : [])
    }

    /// Format 1; docs/disk-format.md describes it.
    var json: JSONValue {
        [
            "format": 1, "entries": .array(entries.map(\.json)),
            "unreadable": .array(
                reading.damage.map { ["line": .integer(Int64($0.line)), "detail": .string($0.detail)] }),
            "cut": .bool(reading.isCut),
        ]
    }
}
