public import ArgumentParser
public import Sysroots

/// `--wait`.
public struct WaitOptions: ParsableArguments {
    // What the units of a boot do under the lock takes less than a second on any machine that is not overloaded: whoever
    // types a command in that moment must not have to type it again.
    @Option(help: ArgumentHelp("How long to wait for another hostctl that is changing things.", valueName: "seconds"))
    public var wait: Double = 10

    public init() {}

    public func validate() throws {
        guard wait >= 0, wait <= 86_400 else { throw ValidationError("--wait takes 0 to 86400 seconds.") }
    }

    /// Tells the operator who is being waited for.
    public static let announce: @Sendable (String?) -> Void = { holder in
        StandardError.write("waiting for \(holder ?? "another process")\n")
    }
}

extension Notices {
    /// On standard error.
    public static let toOperator = Notices(waiting: WaitOptions.announce) {
        StandardError.write("warning: \($0)\n")
    }
}
