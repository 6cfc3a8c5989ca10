/// An error that can be put before an operator: what happened, and what to do next.
///
/// Every target's error type conforms; `HostctlCommands` prints the two parts and chooses the exit code.
public protocol ExplainedError: Error, CustomStringConvertible {
    /// One clear sentence, without a full stop: what was tried and why it did not work.
    var reason: String { get }
    /// What to do next, or `nil` when the reason says it.
    var advice: String? { get }
}

extension ExplainedError {
    public var advice: String? { nil }
    public var description: String { advice.map { "\(reason); \($0)" } ?? reason }
}
