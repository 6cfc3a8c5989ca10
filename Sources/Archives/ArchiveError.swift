public import LinuxSystem

/// An archive that cannot be read or written.
public enum ArchiveError: ExplainedError, Equatable {
    /// It does not follow its format.
    case malformed(archive: String, detail: String)
    /// It ends before its end marker, or in the middle of compressed data.
    case truncated(archive: String, detail: String)
    /// It has more of something than was declared to be acceptable.
    case limitExceeded(archive: String, detail: String)
    /// It follows its format, and holds what cannot be taken over.
    case unsupported(archive: String, detail: String)

    public var reason: String {
        switch self {
        case .malformed(let archive, let detail): "\(archive) is not a proper archive: \(detail)"
        case .truncated(let archive, let detail): "\(archive) is not complete: \(detail)"
        case .limitExceeded(let archive, let detail): "\(archive) is too large: \(detail)"
        case .unsupported(let archive, let detail): "\(archive) holds what cannot be taken over: \(detail)"
        }
    }

    public var advice: String? {
        switch self {
        case .malformed: "make or copy it again; nothing was changed"
        case .truncated: "copy it again; nothing was changed"
        case .limitExceeded: "check where it comes from; nothing was changed"
        case .unsupported: "make the archive without it; nothing was changed"
        }
    }
}
