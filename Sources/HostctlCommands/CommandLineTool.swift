public import ArgumentParser
import Glibc
import LinuxSystem

/// Parses, runs, and turns whatever went wrong into one sentence and one exit code.
public enum CommandLineTool {
    /// Not the parser's own: that one would also be offered by `upgrade`, where `--version` chooses a release.
    static let versionFlag = "--version"

    /// Runs the command that `arguments` name and ends the process.
    ///
    /// Only a command that is asynchronous itself starts the concurrency runtime: its threads cost time, and its
    /// library ends the process in the middle of things where /proc is not mounted.
    public static func run(_ root: any ParsableCommand.Type, arguments: [String]) -> Never {
        // A reader that goes away ends a pipe, not an update.
        signal(SIGPIPE, SIG_IGN)
        StandardDescriptors.open()
        if arguments.dropFirst().first == versionFlag {
            print(HostctlVersion.current)
            exit(0)
        }
        do {
            var command = try root.parseAsRoot(Array(arguments.dropFirst()))
            try requireVerb(command, root)
            if let asynchronous = command as? any AsyncParsableCommand {
                try BlockingTask.run(asynchronous)
            } else {
                try command.run()
            }
            try StandardDescriptors.flush()
            exit(0)
        } catch {
            exit(report(error, root, wantsJSON: arguments.contains("--json")).rawValue)
        }
    }

    /// A group of verbs does nothing by itself; a script that forgot the verb must not believe that it did.
    private static func requireVerb(_ command: any ParsableCommand, _ root: any ParsableCommand.Type) throws {
        let kind = type(of: command)
        if kind.configuration.subcommands.isEmpty { return }
        StandardError.write(root.helpMessage(for: kind) + "\n")
        throw ExitCode.usage
    }

    private static func report(_ error: any Error, _ root: any ParsableCommand.Type, wantsJSON: Bool) -> ExitCode {
        if let code = error as? ExitCode { return code }
        if let explained = error as? any ExplainedError {
            let failure = FailureOutput(explained)
            StandardError.write(wantsJSON ? failure.jsonText : failure.text)
            return failure.exitCode
        }
        let text = root.fullMessage(for: error)
        if root.exitCode(for: error) == .success {
            print(text)
            return .success
        }
        let isUsage = root.exitCode(for: error) == .validationFailure
        if isUsage, wantsJSON {
            StandardError.write(FailureOutput(UsageFailure(reason: root.message(for: error)), .usage).jsonText)
        } else {
            StandardError.write("\(text)\n")
        }
        return isUsage ? .usage : .failure
    }
}

/// The command line is wrong.
private struct UsageFailure: ExplainedError {
    let reason: String
    let advice: String? = "--help shows the usage"
}
