/// An error that can be put before an operator: what happened, and what to do next.
///
/// Every target's error type conforms; `HostctlCommands` prints the two parts and chooses the exit code.
public protocol ExplainedError: Error, CustomStringConvertible {
    /// One clear sentence, without a full stop: what was tried and why it did not work.
    var reason: String { get }
    /// What to do next, or `nil` when the reason says it.
    var advice: String? { get }
    /// Which of the few kinds of failure it is; decides the exit code.
    var category: FailureCategory { get }
}

/// The kinds of failure that a script can tell apart.
public enum FailureCategory: String, Sendable, CaseIterable {
    case failed
    /// Not signed by a trusted key, bound to something else, damaged, or older than allowed.
    case untrusted
    case noSpace
    case network
    case locked
    case needsReboot
}

extension ExplainedError {
    public var advice: String? { nil }
    public var category: FailureCategory { .failed }
    public var description: String { advice.map { "\(reason); \($0)" } ?? reason }
}
