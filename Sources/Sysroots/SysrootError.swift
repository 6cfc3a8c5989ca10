public import LinuxSystem

/// A part of hostctl's own state that cannot be read or written.
public enum SysrootError: ExplainedError, Equatable {
    /// A file under /ostree/hostctl is not what hostctl writes there.
    case damagedState(path: String, detail: String)
    /// The list of revoked keys cannot be read, so no key can be known to count.
    case damagedRevocations(path: String, detail: String)

    public var reason: String {
        switch self {
        case .damagedState(let path, let detail), .damagedRevocations(let path, let detail):
            "\(path) is damaged: \(detail)"
        }
    }

    public var advice: String? {
        switch self {
        case .damagedState: "remove the file and name the origin and channel again with 'hostctl switch'"
        case .damagedRevocations: "restore the file; without it, keys that were revoked may count again"
        }
    }
}
