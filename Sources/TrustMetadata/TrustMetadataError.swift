public import LinuxSystem

/// Signed metadata that must not be used.
public enum TrustMetadataError: ExplainedError, Equatable {
    /// Not the JSON that was expected; the byte offset when there is one.
    case malformed(what: String, detail: String)
    /// No signature by a trusted key.
    case untrusted(what: String, detail: String)
    /// Of a format that this program does not know.
    case unknownFormat(what: String, format: String)

    public var reason: String {
        switch self {
        case .malformed(let what, let detail): "\(what) is malformed: \(detail)"
        case .untrusted(let what, let detail): "\(what) is not trusted: \(detail)"
        case .unknownFormat(let what, let format): "\(what) has the unknown format \(format)"
        }
    }

    public var advice: String? {
        switch self {
        case .malformed: "the origin or a mirror is damaged or hostile; nothing was changed"
        case .untrusted: "if the key is right, add it to /etc/hostctl/trusted-keys.d; nothing was changed"
        case .unknownFormat: "a newer hostctl is needed; nothing was changed"
        }
    }
}

extension TrustMetadataError {
    public var category: FailureCategory { .untrusted }
}
