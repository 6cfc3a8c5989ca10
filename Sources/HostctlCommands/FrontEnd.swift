public import ArgumentParser
import Glibc
import LinuxSystem
import Sysroots
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

    /// Runs one of `commands`, or one of those that a boot runs, or becomes hostctl-store with the same arguments.
    public static func run(arguments: [String]) -> Never {
        let first = arguments.dropFirst().first
        if LightBoot.answers(arguments) { CommandLineTool.run(LightBoot.self, arguments: arguments) }
        if first == CommandLineTool.versionFlag || commands.contains(where: { $0.configuration.commandName == first }) {
            CommandLineTool.run(FrontEnd.self, arguments: arguments)
        }
        if HostWithoutInterruption.answers(arguments) { Glibc.exit(0) }
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

/// The part of `hostctl boot` that needs no store: what each boot runs while others wait for it, and what goes with that.
///
/// hostctl-store has all of it, and the help.
struct LightBoot: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "hostctl", subcommands: [Verbs.self])

    struct Verbs: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "boot", subcommands: LightBoot.verbs)
    }

    static let verbs: [any ParsableCommand.Type] = [
        BootRecordCommand.self, BootCheckCommand.self, BootMarkGoodCommand.self, BootMarkBadCommand.self,
    ]

    static func answers(_ arguments: [String]) -> Bool {
        guard arguments.count > 2, arguments[1] == "boot" else { return false }
        return verbs.contains { $0.configuration.commandName == arguments[2] }
    }
}

/// What hostctl-finalize.service asks at each boot, `finalize --resume`, of a host whose last change came to its end.
///
/// It is so nearly always, and a boot has better things to do than to load libostree to find that out.
enum HostWithoutInterruption {
    /// - Returns: whether there is nothing to do, which has been said then.
    static func answers(_ arguments: [String]) -> Bool {
        // As the unit has it, word for word.
        let (words, asked) = (Array(arguments.dropFirst()), ["finalize", "--resume"])
        guard words == asked || words == asked + ["--wait", "60"],
            isThere(SysrootPaths(root: SysrootOption.runningRoot))
        else { return false }
        print("nothing is staged")
        return true
    }

    /// A sysroot with a boot partition, where no change was cut off, no factory reset either, and nothing is staged, which
    /// would be read.
    static func isThere(_ paths: SysrootPaths) -> Bool {
        paths.hasBootPartition && !PendingChange.exists(in: paths) && !StagedDeployment.exists(in: paths)
            && !ResetRecord.isPending(in: paths)
    }
}

/// The other executable cannot be started.
private struct MissingStore: ExplainedError {
    let reason: String
    let advice: String? = "install hostctl-store beside hostctl"
}
