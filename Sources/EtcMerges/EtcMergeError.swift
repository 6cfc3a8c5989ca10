public import LinuxSystem

/// /etc was not merged; what is there is as it was.
public enum EtcMergeError: ExplainedError, Equatable {
    /// Both sides have changed files, and the policy is `fail`.
    case conflicts([EtcConflict])
    /// Folders in folders, more than any program reaches.
    case tooDeep(path: String)
    /// A file of accounts is larger than any such file.
    case accountsTooLarge(path: String)

    public var reason: String {
        switch self {
        case .conflicts(let conflicts):
            "\(conflicts.count == 1 ? "1 file" : "\(conflicts.count) files") of /etc changed both here and in the image: "
                + conflicts.prefix(10).map { "/etc/\($0.path)" }.joined(separator: ", ")
                + (conflicts.count > 10 ? " and more" : "")
        case .tooDeep(let path): "\(path) is nested too deeply to be merged"
        case .accountsTooLarge(let path): "\(path) is too large for a file of accounts"
        }
    }

    public var advice: String? {
        switch self {
        case .conflicts:
            "'hostctl etc-diff' shows the local changes; use '--etc-policy keep' or '--etc-policy new', or undo them"
        case .tooDeep: "remove the folder, or move it to /var"
        case .accountsTooLarge: "look what has filled it"
        }
    }
}
