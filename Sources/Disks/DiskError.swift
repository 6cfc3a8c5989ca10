public import LinuxSystem

/// A disk that cannot be made.
public enum DiskError: ExplainedError, Equatable {
    /// A tool that is needed is not installed, and its package.
    case missingTool(String, package: String)
    /// A tool failed; the last lines that it printed.
    case toolFailed(String, detail: String)
    /// Neither a block device nor a regular file.
    case notADisk(path: String)
    /// A device that can only be read.
    case readOnly(path: String)
    /// A device that something uses: mounted, swap, part of a volume, opened by another program.
    case inUse(path: String)
    /// There are data on it, or a file of this name.
    case holdsData(path: String)
    /// A size for a device, which has its own.
    case sizeOfDevice(path: String)
    /// Bytes that it has and that are needed.
    case tooSmall(path: String, size: Int64, needed: Int64)
    /// A boot partition that has no room for two kernels, in bytes.
    case bootPartitionTooSmall(size: Int64, needed: Int64)
    /// Making file systems needs root.
    case needsRoot
    /// A file system that the release cannot boot from.
    case unsupportedFileSystem(String, kernel: String)

    public var reason: String {
        switch self {
        case .missingTool(let name, _): "\(name) is not installed"
        case .toolFailed(let name, let detail): "\(name) failed: \(detail)"
        case .notADisk(let path): "\(path) is neither a block device nor a file"
        case .readOnly(let path): "\(path) can only be read"
        case .inUse(let path): "\(path) is in use"
        case .holdsData(let path): "\(path) holds data"
        case .sizeOfDevice(let path): "\(path) is a device, whose size is its own"
        case .tooSmall(let path, let size, let needed): "\(path) has \(size) bytes, and \(needed) are needed"
        case .bootPartitionTooSmall(let size, let needed):
            "a boot partition of \(size) bytes has no room for two kernels, which take \(needed)"
        case .needsRoot: "only root can make a disk"
        case .unsupportedFileSystem(let name, let kernel): "the release's kernel \(kernel) cannot boot from \(name)"
        }
    }

    public var advice: String? {
        switch self {
        case .missingTool(_, let package): "apt install \(package); nothing was written"
        case .toolFailed: "the disk is not complete and does not boot; run the command again"
        case .notADisk: "give a disk such as /dev/sdb, or a file that ends in .raw, .img or .qcow2"
        case .readOnly: "choose another one; nothing was written"
        case .inUse: "unmount it, and detach what lies on it ('lsblk' shows it); nothing was written"
        case .holdsData: "--wipe overwrites all of it; nothing was written"
        case .sizeOfDevice: "leave --size out"
        case .tooSmall: "choose a larger one; nothing was written"
        case .bootPartitionTooSmall: "ask for more with --boot-size; nothing was written to the boot partition"
        case .needsRoot: "run the command as root"
        case .unsupportedFileSystem:
            "choose another one with --file-system, or add its module to the recipe's InitramfsModules="
        }
    }

    public var category: FailureCategory {
        switch self {
        case .tooSmall, .bootPartitionTooSmall: .noSpace
        case .inUse: .locked
        default: .failed
        }
    }
}
