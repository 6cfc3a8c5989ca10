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
    /// A lock file of another recipe.
    case lockMismatch(detail: String)
    /// Packages of a lock that neither the work folder nor the archive has any more, with their versions.
    case lockedPackagesMissing([String])
    /// A user or group with a number that Debian fixes, and which an earlier release gave to another name.
    case accountNumberTaken(name: String, number: UInt32, owner: String)
    /// An earlier image whose users and groups cannot be read.
    case accountsUnreadable(detail: String)
    /// A file of the recipe's `rootfs/` that cannot be copied.
    case fileNotCopied(path: String, detail: String)
    /// A program of hostctl's own that should go into the image.
    case noBinary(path: String)
    /// A recipe's hook failed.
    case hookFailed(name: String, detail: String)
    /// A file among the hooks that cannot be run.
    case hookNotExecutable(name: String)
    /// Entries of the removal list that nothing in the tree matches, each with its place.
    case removalsMatchNothing([String])
    /// Files that need what the tree does not have; all of them in words.
    case incomplete([String])
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
        case .lockMismatch(let detail): "the lock file does not fit the recipe: \(detail)"
        case .lockedPackagesMissing(let names):
            "neither the archive nor the work folder has what the lock file names: "
                + names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", and \(names.count - 10) more" : "")
        case .accountNumberTaken(let name, let number, let owner):
            "'\(name)' has the number \(number), which belongs to '\(owner)' since an earlier release"
        case .accountsUnreadable(let detail): "the earlier image's users and groups cannot be read: \(detail)"
        case .fileNotCopied(let path, let detail): "rootfs/\(path) cannot be copied: \(detail)"
        case .noBinary(let path): "\(path) is not there, which should go into the image"
        case .hookFailed(let name, let detail): "the hook \(name) failed: \(detail)"
        case .hookNotExecutable(let name): "the hook \(name) is not an executable file"
        case .removalsMatchNothing(let entries):
            "nothing in the tree matches what should be removed:" + entries.map { "\n  \($0)" }.joined()
        case .incomplete(let flaws): Self.incomplete(flaws)
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
        case .lockMismatch: "build without --locked to make a new lock file; nothing was committed"
        case .lockedPackagesMissing:
            "add a mirror that keeps old versions with --set Mirrors=, or build without --locked; nothing was committed"
        case .accountNumberTaken: "give one of them another number in a hook; nothing was committed"
        case .accountsUnreadable: "name another image with --previous; nothing was committed"
        case .fileNotCopied: "change the recipe; nothing was committed"
        case .noBinary:
            "build it with 'swift build -c release --static-swift-stdlib', or name its folder with --set HostctlBinaries="
        case .hookFailed: "run it by hand with the environment that the log shows; nothing was committed"
        case .hookNotExecutable: "chmod +x it, or move it out of the recipe's hooks"
        case .removalsMatchNothing: "correct the entries or take them out; nothing was committed"
        case .incomplete: "keep what they need, or remove them too; nothing was committed"
        case .notAHost: "add what is missing; nothing was committed"
        case .notImportable: "nothing was committed"
        case .noSource: "write the path of one, '-' for standard input, or oci:FOLDER[:TAG]"
        case .lintFailed: "correct what is listed, or leave a check out with --skip"
        case .unknownCheck: "'hostctl image lint --list' lists them"
        case .noImageMetadata: nil
        }
    }

    /// Up to forty on lines of their own.
    private static func incomplete(_ flaws: [String]) -> String {
        let more = flaws.count > 40 ? "\n  and \(flaws.count - 40) more" : ""
        let count = flaws.count == 1 ? "one file lacks something" : "\(flaws.count) files lack something"
        return "the image is incomplete, \(count):" + flaws.prefix(40).map { "\n  \($0)" }.joined() + more
    }
}
