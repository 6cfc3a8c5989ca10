import Glibc
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

    public var advice: String? { isOutOfSpace ? "free some space and run the command again" : nil }

    public var category: FailureCategory { isOutOfSpace ? .noSpace : .failed }

    /// Whether the disk, an inode table or a quota is full: `G_IO_ERROR_NO_SPACE`, as GLib translates `ENOSPC`. It has
    /// no code for `EDQUOT`, whose text ends the message.
    public var isOutOfSpace: Bool {
        guard domain == "g-io-error-quark" else { return false }
        return code == 12 || message.hasSuffix(String(cString: strerror(EDQUOT)))
    }
}
