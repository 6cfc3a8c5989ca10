public import LinuxSystem

/// A host image that could not be built or read.
public enum ImageError: ExplainedError, Equatable {
    /// A tool that is needed is not installed.
    case missingTool(String)
    /// Files of other owners can only be made by root.
    case needsRoot
    /// The environment's `SOURCE_DATE_EPOCH` is no number.
    case invalidSourceDate(String)
    /// The package tool failed; the last lines that it printed.
    case packagesFailed(detail: String)
    /// A file of the recipe's `rootfs/` that cannot be copied.
    case fileNotCopied(path: String, detail: String)
    /// A recipe's hook failed.
    case hookFailed(name: String, detail: String)
    /// A file among the hooks that cannot be run.
    case hookNotExecutable(name: String)
    /// The tree is not one that can boot as a host.
    case notAHost(detail: String)
    /// A commit without the metadata of a host image.
    case noImageMetadata(commit: String)
    /// An archive or a layer that cannot become a tree.
    case notImportable(detail: String)
    /// Nothing to import from.
    case noSource(String)
    /// Checks found what must not be in an image; the names of the checks.
    case lintFailed([String])
    /// A check that does not exist.
    case unknownCheck(String)

    public var reason: String {
        switch self {
        case .missingTool(let name): "\(name) is not installed"
        case .needsRoot: "an image can only be built by root"
        case .invalidSourceDate(let text): "SOURCE_DATE_EPOCH is '\(text)' instead of seconds since 1970"
        case .packagesFailed(let detail): "installing the packages failed: \(detail)"
        case .fileNotCopied(let path, let detail): "rootfs/\(path) cannot be copied: \(detail)"
        case .hookFailed(let name, let detail): "the hook \(name) failed: \(detail)"
        case .hookNotExecutable(let name): "the hook \(name) is not an executable file"
        case .notAHost(let detail): "the tree is not a host image: \(detail)"
        case .notImportable(let detail): "the source cannot be imported: \(detail)"
        case .noSource(let text): "there is no folder and no archive '\(text)'"
        case .lintFailed(let names): "the image did not pass: \(names.joined(separator: ", "))"
        case .unknownCheck(let name): "there is no check '\(name)'"
        case .noImageMetadata(let commit): "the commit \(commit) was not made by 'hostctl image build'"
        }
    }

    public var advice: String? {
        switch self {
        case .missingTool(let name): "apt install \(name)"
        case .needsRoot: "run the command as root"
        case .invalidSourceDate: "unset it, or set it to the output of 'date +%s'"
        case .packagesFailed: "check the recipe's Suite, Mirrors and Packages; nothing was committed"
        case .fileNotCopied: "change the recipe; nothing was committed"
        case .hookFailed: "run it by hand with the environment that the log shows; nothing was committed"
        case .hookNotExecutable: "chmod +x it, or move it out of the recipe's hooks"
        case .notAHost: "add what is missing; nothing was committed"
        case .notImportable: "nothing was committed"
        case .noSource: "write the path of one, '-' for standard input, or oci:FOLDER[:TAG]"
        case .lintFailed: "correct what is listed, or leave a check out with --skip"
        case .unknownCheck: "'hostctl image lint --list' lists them"
        case .noImageMetadata: nil
        }
    }
}
