public import LinuxSystem

/// A part of hostctl's own state that cannot be read, or a commit that is not there.
public enum SysrootError: ExplainedError, Equatable {
    /// A file under /ostree/hostctl is not what hostctl writes there.
    case damagedState(path: String, detail: String)
    /// The list of revoked keys cannot be read, so no key can be known to count.
    case damagedRevocations(path: String, detail: String)
    /// No deployment, ref, version or commit has this name.
    case unknownCommit(String)
    /// Several commits have this version, or start with these digits.
    case ambiguousCommit(String, candidates: [String])

    public var reason: String {
        switch self {
        case .damagedState(let path, let detail), .damagedRevocations(let path, let detail):
            "\(path) is damaged: \(detail)"
        case .unknownCommit(let name): "there is no deployment, ref, version or commit '\(name)'"
        case .ambiguousCommit(let name, let candidates):
            "'\(name)' may be any of \(candidates.prefix(4).joined(separator: ", "))"
        }
    }

    public var advice: String? {
        switch self {
        case .damagedState(let path, _) where path.hasSuffix("/reset.json"): "'hostctl verify --repair' makes it anew"
        case .damagedState: "remove the file and name the origin and channel again with 'hostctl switch'"
        case .damagedRevocations: "restore the file; without it, keys that were revoked may count again"
        case .unknownCommit: "'hostctl status' shows the deployments"
        case .ambiguousCommit: "name one by its checksum"
        }
    }
}
