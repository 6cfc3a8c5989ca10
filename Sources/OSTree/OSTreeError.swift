public import LinuxSystem

/// An error that libostree reported: a copied and freed GError.
public struct OSTreeError: ExplainedError, Equatable {
    /// What was asked of libostree, as in "cannot OPERATION".
    public let operation: String
    /// The GError's domain, such as `g-io-error-quark`.
    public let domain: String
    /// The GError's code within its domain.
    public let code: Int
    /// The GError's message.
    public let message: String

    public var reason: String { "cannot \(operation): \(message)" }
}
