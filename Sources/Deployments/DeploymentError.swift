public import LinuxSystem

/// A change to the sysroot that was not made.
public enum DeploymentError: ExplainedError, Equatable {
    /// The folder holds no sysroot.
    case notASysroot(path: String)
    /// A sysroot is there already.
    case alreadyInstalled(path: String)
    /// No deployment to go back to.
    case noRollback
    /// Every other deployment is bad, has no try left or is damaged; each with the reason.
    case noSaneRollback([String])
    /// The index or checksum names no deployment, or several.
    case unknownDeployment(String)
    /// libostree's view of the deployments differs from ours, so it may not write.
    case viewsDiffer(detail: String)
    /// libostree cannot load the sysroot, on a host where it only checks out.
    case unloadable(detail: String)
    /// The image lacks what a deployment needs.
    case notDeployable(detail: String)
    /// Less space than the change needs; the deployments and what boots them are as they were.
    case notEnoughSpace(path: String, needed: Int64, available: Int64)
    /// Fewer files can be made than the change needs; as above.
    case notEnoughFiles(path: String, needed: Int64, available: Int64)
    /// The boot partition is not mounted.
    case partitionUnmounted(detail: String)
    /// The boot partition's entries, or the deployments' folders, cannot be read.
    case partitionUnreadable(detail: String)
    /// Less space on the boot partition than a new kernel needs; nothing has been written. `prunable` bytes come free
    /// without `names`.
    case bootPartitionFull(path: String, needed: Int64, available: Int64, prunable: Int64, names: [String])
    /// What is staged could not be finalized.
    case notFinalized(name: String, reason: String)
    /// The deployment whose /etc is to be merged has lost what that needs.
    case noMergeSource(name: String, detail: String)
    /// Not a name for a stateroot, or for a key file.
    case invalidName(String)

    /// Not an argument that the kernel can be given.
    case invalidKernelArgument(String, detail: String)
    /// Several arguments have this name.
    case ambiguousKernelArgument(String, found: [String])
    /// No deployment runs here.
    case notBooted
    /// An overlay is mounted over /usr already.
    case usrIsWritable
    /// /var of a running host cannot be replaced under the services that use it.
    case cannotResetRunning
    /// Another factory reset is staged, which keeps other things.
    case resetIsStaged(name: String)
    /// The /var of a deployment is the folder of a factory reset whose record is gone.
    case resetIsLost(name: String)

    public var reason: String {
        switch self {
        case .notASysroot(let path): "\(path) is not a sysroot"
        case .alreadyInstalled(let path): "\(path) holds a sysroot already"
        case .noRollback: "there is no other deployment to roll back to"
        case .noSaneRollback(let others):
            "no other deployment is fit to roll back to: \(others.joined(separator: "; "))"
        case .unknownDeployment(let name): "'\(name)' names no deployment"
        case .viewsDiffer(let detail): "the sysroot is damaged, and libostree would lose deployments: \(detail)"
        case .unloadable(let detail): "the sysroot is damaged, and libostree cannot load it: \(detail)"
        case .notDeployable(let detail): "the image cannot be deployed: \(detail)"
        case .notEnoughSpace(let path, let needed, let available):
            "not enough space on \(path): \(needed) bytes are needed and \(available) are free"
        case .notEnoughFiles(let path, let needed, let available):
            "not enough room for files on \(path): \(needed) are needed and \(available) can be made"
        case .partitionUnmounted(let detail), .partitionUnreadable(let detail): detail
        case .bootPartitionFull(let path, let needed, let available, _, _):
            "not enough space on the boot partition \(path): \(needed) bytes are needed and \(available) are free"
        case .notFinalized(let name, let reason):
            "\(name) is staged, and the last shutdown could not switch to it: \(reason)"
        case .noMergeSource(let name, let detail): "the /etc of \(name) cannot be taken over: \(detail)"
        case .invalidName(let name): "'\(name)' is not a name that can be used here"
        case .notBooted: "this system was not started from a deployment"
        case .usrIsWritable: "/usr is writable already"
        case .cannotResetRunning: "the running host uses the /var that would be replaced"
        case .resetIsStaged(let name): "another factory reset is staged, to \(name), which keeps other things"
        case .resetIsLost(let name): "the record of the factory reset to \(name), which is not complete, is lost"
        case .invalidKernelArgument(let text, let detail): "'\(text)' is no argument for the kernel: \(detail)"
        case .ambiguousKernelArgument(let name, let found):
            "several arguments are named '\(name)': \(found.joined(separator: ", "))"
        }
    }

    public var advice: String? {
        switch self {
        case .notASysroot: "make one with 'hostctl install sysroot', or give another --sysroot"
        case .alreadyInstalled: "use 'hostctl upgrade' or 'hostctl switch' to change it"
        case .noRollback: "'hostctl status' lists the deployments"
        case .noSaneRollback:
            "'hostctl upgrade' takes another release; 'hostctl boot mark-good INDEX' says that one of these is fit after all"
        case .unknownDeployment: "'hostctl status' lists the deployments; use an index or the start of a checksum"
        case .viewsDiffer: "nothing was changed; 'hostctl status' tells what is damaged"
        case .unloadable: "'hostctl verify --repair' mends it; what boots is as it was"
        case .notDeployable: "build the image anew with 'hostctl image build'"
        case .partitionUnmounted: "mount it and run the command again; nothing was changed"
        case .partitionUnreadable: "nothing was changed; check the file system"
        case .bootPartitionFull(_, let needed, let available, let prunable, let names):
            if names.isEmpty, prunable == 0 {
                "nothing on it can be removed: only what runs and what was good is there"
            } else if available + prunable < needed {
                "--prune would free \(prunable) bytes, which is not enough, by removing \(names.joined(separator: ", "))"
            } else {
                "--prune frees \(prunable) bytes by removing "
                    + (names.isEmpty ? "kernels that nothing needs" : names.joined(separator: ", "))
            }
        case .notFinalized:
            "the next shutdown tries it again; 'hostctl rollback' discards what is staged"
        case .noMergeSource:
            "'hostctl verify --repair' brings back what a deployment lacks; 'hostctl rollback' discards what is staged"
        case .invalidName: "use letters, digits, '.', '_' and '-'"
        case .invalidKernelArgument: "nothing was changed; put values with spaces into double quotes"
        case .notBooted: "run it on a host that hostctl has installed, without --sysroot"
        case .usrIsWritable: "it ends with the next boot"
        case .cannotResetRunning: "start another system, mount the disk, and give --sysroot"
        case .resetIsStaged: "'hostctl rollback' discards what is staged; then ask again"
        case .resetIsLost: "'hostctl verify --repair' makes it anew from what the deployments have"
        case .ambiguousKernelArgument: "nothing was changed; delete the one you mean by its whole text, then append"
        case .notEnoughSpace, .notEnoughFiles:
            "free some space and run the command again; the deployments are as they were"
        }
    }
}

extension DeploymentError {
    /// Whether it tells of a failure that is remembered already.
    public var isRemembered: Bool {
        if case .notFinalized = self { true } else { false }
    }

    public var category: FailureCategory {
        switch self {
        case .notEnoughSpace, .notEnoughFiles, .bootPartitionFull: .noSpace
        default: .failed
        }
    }
}
