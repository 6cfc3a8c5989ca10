public import LinuxSystem

/// A host image that could not be built or read.
public enum ImageError: ExplainedError, Equatable {
    /// A tool that is needed is not installed.
    case missingTool(String)
    /// The package tool failed; the last lines that it printed.
    case packagesFailed(detail: String)
    /// A recipe's hook failed.
    case hookFailed(name: String, detail: String)
    /// The tree is not one that can boot as a host.
    case notAHost(detail: String)
    /// A commit without the metadata of a host image.
    case noImageMetadata(commit: String)

    public var reason: String {
        switch self {
        case .missingTool(let name): "\(name) is not installed"
        case .packagesFailed(let detail): "installing the packages failed: \(detail)"
        case .hookFailed(let name, let detail): "the hook \(name) failed: \(detail)"
        case .notAHost(let detail): "the tree is not a host image: \(detail)"
        case .noImageMetadata(let commit): "the commit \(commit) was not made by 'hostctl image build'"
        }
    }

    public var advice: String? {
        switch self {
        case .missingTool(let name): "apt install \(name)"
        case .packagesFailed: "check the recipe's Suite, Mirrors and Packages; nothing was committed"
        case .hookFailed: "run it by hand with the environment that the log shows; nothing was committed"
        case .notAHost: "add what is missing to the recipe; nothing was committed"
        case .noImageMetadata: nil
        }
    }
}
