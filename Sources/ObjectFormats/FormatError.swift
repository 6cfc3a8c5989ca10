public import LinuxSystem

/// Bytes that are not an object of the expected kind, although they have the expected checksum.
public struct FormatError: ExplainedError, Equatable {
    /// What was being read: `commit`, `dirtree`.
    public let what: String
    /// What is wrong with it.
    public let detail: String

    public init(_ what: String, _ detail: String) {
        self.what = what
        self.detail = detail
    }

    public var reason: String { "the \(what) is malformed: \(detail)" }
}

extension FormatError {
    public var category: FailureCategory { .untrusted }
}
