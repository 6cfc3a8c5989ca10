public import ArgumentParser
import LinuxSystem
public import TrustMetadata

/// What a command answers: one value, shown as text or as JSON.
public protocol OutputValue {
    var text: String { get }
    var json: JSONValue { get }
}

/// `--json`.
public struct OutputOptions: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Print JSON instead of text.")
    public var json = false

    public init() {}

    /// Prints the answer to standard output.
    public func show(_ value: some OutputValue) {
        print(json ? String(decoding: value.json.encode(pretty: true), as: UTF8.self) : value.text)
    }
}

/// A failure, as the operator or a script sees it.
struct FailureOutput {
    let exitCode: ExitCode
    private let error: any ExplainedError

    /// - Parameter exitCode: by default the one of the error's category.
    init(_ error: any ExplainedError, _ exitCode: ExitCode? = nil) {
        self.error = error
        self.exitCode = exitCode ?? ExitCode(error.category)
    }

    private var category: String { exitCode == .usage ? "usage" : error.category.rawValue }

    var text: String {
        "error: \(error.reason)\n" + (error.advice.map { "  help: \($0)\n" } ?? "")
    }

    var jsonText: String {
        let value = JSONValue.object([
            ("error", .string(error.reason)), ("advice", error.advice.map { .string($0) } ?? .null),
            ("category", .string(category)), ("exit_code", .integer(Int64(exitCode.rawValue))),
        ])
        return String(decoding: value.encode(pretty: false), as: UTF8.self) + "\n"
    }
}
