public import LinuxSystem

/// A change to the sysroot that was not made.
public enum DeploymentError: ExplainedError, Equatable {
    /// The folder holds no sysroot.
    case notASysroot(path: String)
    /// A sysroot is there already.
    case alreadyInstalled(path: String)
    /// No deployment to go back to.
    case noRollback
    /// The index or checksum names no deployment, or several.
    case unknownDeployment(String)
    /// libostree's view of the deployments differs from ours, so it may not write.
    case viewsDiffer(detail: String)
    /// The image lacks what a deployment needs.
    case notDeployable(detail: String)
    /// Less space than the change needs; the deployments and what boots them are as they were.
    case notEnoughSpace(path: String, needed: Int64, available: Int64)
    /// Fewer files can be made than the change needs; as above.
    case notEnoughFiles(path: String, needed: Int64, available: Int64)
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

    public var reason: String {
        switch self {
        case .notASysroot(let path): "\(path) is not a sysroot"
        case .alreadyInstalled(let path): "\(path) holds a sysroot already"
        case .noRollback: "there is no other deployment to roll back to"
        case .unknownDeployment(let name): "'\(name)' names no deployment"
        case .viewsDiffer(let detail): "the sysroot is damaged, and libostree would lose deployments: \(detail)"
        case .notDeployable(let detail): "the image cannot be deployed: \(detail)"
        case .notEnoughSpace(let path, let needed, let available):
            "not enough space on \(path): \(needed) bytes are needed and \(available) are free"
        case .notEnoughFiles(let path, let needed, let available):
            "not enough room for files on \(path): \(needed) are needed and \(available) can be made"
        case .invalidName(let name): "'\(name)' is not a name that can be used here"
        case .notBooted: "this system was not started from a deployment"
        case .usrIsWritable: "/usr is writable already"
        case .cannotResetRunning: "the running host uses the /var that would be replaced"
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
        case .unknownDeployment: "'hostctl status' lists the deployments; use an index or the start of a checksum"
        case .viewsDiffer: "nothing was changed; 'hostctl status' tells what is damaged"
        case .notDeployable: "build the image anew with 'hostctl image build'"
        case .invalidName: "use letters, digits, '.', '_' and '-'"
        case .invalidKernelArgument: "nothing was changed; put values with spaces into double quotes"
        case .notBooted: "run it on a host that hostctl has installed, without --sysroot"
        case .usrIsWritable: "it ends with the next boot"
        case .cannotResetRunning: "start another system, mount the disk, and give --sysroot"
        case .ambiguousKernelArgument: "nothing was changed; delete the one you mean by its whole text, then append"
        case .notEnoughSpace, .notEnoughFiles:
            "free some space and run the command again; the deployments are as they were"
        }
    }
}

extension DeploymentError {
    public var category: FailureCategory {
        switch self {
        case .notEnoughSpace, .notEnoughFiles: .noSpace
        default: .failed
        }
    }
}
