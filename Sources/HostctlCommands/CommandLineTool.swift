public import ArgumentParser
import Glibc
import LinuxSystem

/// Parses, runs, and turns whatever went wrong into one sentence and one exit code.
public enum CommandLineTool {
    /// Runs the command that `arguments` name and ends the process.
    public static func run(_ root: any ParsableCommand.Type, arguments: [String]) async -> Never {
        // A reader that goes away ends a pipe, not an update.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try root.parseAsRoot(Array(arguments.dropFirst()))
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            exit(0)
        } catch {
            exit(report(error, root, wantsJSON: arguments.contains("--json")).rawValue)
        }
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
        StandardError.write("\(text)\n")
        return isUsageError(error, root) ? .usage : .failure
    }

    private static func isUsageError(_ error: any Error, _ root: any ParsableCommand.Type) -> Bool {
        root.exitCode(for: error) == .validationFailure
    }
}

/// Standard error, unbuffered.
public enum StandardError {
    /// Writes text; a failure to do so is nobody's concern.
    public static func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }

    /// Whether a person is likely to be watching.
    public static var isTerminal: Bool { isatty(2) == 1 }
}
