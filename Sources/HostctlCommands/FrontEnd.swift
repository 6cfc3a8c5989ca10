public import ArgumentParser
import Glibc
import LinuxSystem
import SystemPackage

/// The light front end: what needs no store runs here; everything else is handed to hostctl-store.
///
/// Loading libostree and its fifty libraries costs more than answering `status`.
public struct FrontEnd: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "hostctl", subcommands: FrontEnd.commands)

    /// The verbs that only read, and need no libostree.
    public static let commands: [any ParsableCommand.Type] = [
        StatusCommand.self, DiffCommand.self, EtcDiffCommand.self, HistoryCommand.self, DoctorCommand.self,
    ]

    public init() {}

    /// Runs one of `commands`, or becomes hostctl-store with the same arguments.
    public static func run(arguments: [String]) -> Never {
        let first = arguments.dropFirst().first
        if first == CommandLineTool.versionFlag || commands.contains(where: { $0.configuration.commandName == first }) {
            CommandLineTool.run(FrontEnd.self, arguments: arguments)
        }
        becomeStore(arguments)
    }

    private static func becomeStore(_ arguments: [String]) -> Never {
        let path = storePath.string
        let pointers = ([path] + arguments.dropFirst()).map { strdup($0) } + [nil]
        execv(path, pointers)
        let failure = FailureOutput(MissingStore(reason: SystemError("start", path).reason))
        StandardError.write(arguments.contains("--json") ? failure.jsonText : failure.text)
        Glibc.exit(1)
    }

    /// Beside this executable, wherever a link to it lies; the kernel tells its path even without /proc.
    static var storePath: FilePath {
        let given = ProcessStart.executable ?? "hostctl"
        let resolved = realpath(given.string, nil)
        defer { free(resolved) }
        let path = resolved.map { FilePath(String(cString: $0)) } ?? given
        return path.removingLastComponent().appending("hostctl-store")
    }
}

/// The other executable cannot be started.
private struct MissingStore: ExplainedError {
    let reason: String
    let advice: String? = "install hostctl-store beside hostctl"
}
