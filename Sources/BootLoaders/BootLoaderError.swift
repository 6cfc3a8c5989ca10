public import LinuxSystem

/// Why a boot partition could not be changed.
public enum BootLoaderError: Error, Equatable {
    /// A stateroot whose name no entry can have.
    case unusableName(String)
    /// A generation out of range.
    case noGeneration(Int)
    /// A generation that another entry has.
    case generationTaken(Int)
    /// A title or kernel argument with a newline, a NUL, or a space outside quotes.
    case unusableArgument(String)
    /// No entry of this generation.
    case noEntry(Int)
    /// The last entry that can be booted.
    case lastEntry(Int)
    /// The last entry that has proved itself, beside others that are on trial.
    case lastGood(Int)
    /// An entry whose kernel is not on the boot partition.
    case noKernel(String)
    /// What was written is not what is read back.
    case damagedWrite(String)
    /// An image without the loader's files.
    case noLoaderFiles(String)
    /// A file of the loader that is not what its name says.
    case unusableLoader(path: String, problem: String)
    /// A file beside a loader's that may have the same clusters.
    case sharedClusters(String)
    /// An installed loader that is newer than the image's.
    case newerLoader(installed: String, available: String)
    /// A loader on trial, in whose place no third one is put.
    case onTrial
    /// A GRUB environment block that cannot be written in place.
    case unusableEnvironment(path: String, problem: String)
    /// Too little room on the boot partition; bytes.
    case noSpace(needed: Int64, free: Int64)
}

extension BootLoaderError: ExplainedError {
    public var reason: String {
        switch self {
        case .unusableName(let name): "no boot entry can be named after the stateroot \(name)"
        case .noGeneration(let number): "\(number) is no generation of a boot entry"
        case .generationTaken(let number): "there is a boot entry of generation \(number) already"
        case .unusableArgument(let text): "a boot entry cannot hold \(String(reflecting: text))"
        case .noEntry(let number): "there is no boot entry of generation \(number)"
        case .lastEntry(let number): "the boot entry of generation \(number) is the only one that can be booted"
        case .lastGood(let number):
            "the boot entry of generation \(number) is the only one that has proved itself; the others are on trial"
        case .noKernel(let folder): "the boot partition lacks the kernel \(folder)"
        case .damagedWrite(let path): "\(path) does not read back as it was written"
        case .noLoaderFiles(let path): "the image has no \(path)"
        case .unusableLoader(let path, let problem): "\(path) cannot be installed: \(problem)"
        case .sharedClusters(let path):
            "\(path) has the content of the loader's own file, and perhaps its clusters, since the power was cut"
        case .onTrial:
            "the installed boot loader has not been through a good boot yet, and another one would overwrite the proven one"
        case .newerLoader(let installed, let available):
            "the installed boot loader, \(installed), is newer than the image's, \(available)"
        case .unusableEnvironment(let path, let problem): "\(path) \(problem)"
        case .noSpace(let needed, let free):
            "the boot partition has \(free) bytes free, and \(needed) are needed"
        }
    }

    public var advice: String? {
        switch self {
        case .unusableName: "use letters, digits, '.', '_' and '-' alone"
        case .unusableArgument: "leave newlines out, and put spaces between double quotes"
        case .lastGood: "wait until another one is good, or say so: hostctl boot mark-good INDEX"
        case .damagedWrite: "check the disk; nothing was switched"
        case .noLoaderFiles: "build the image with its boot loader"
        case .sharedClusters: "unmount the boot partition and run fsck.fat on it; remove the file if nothing is wrong"
        case .onTrial: "restart first, or run the command again with --force"
        case .newerLoader: "keep it, or run the command again with --force"
        case .noSpace: "remove deployments that are not needed: hostctl cleanup, or --prune"
        case .unusableEnvironment: "remove the file; it is made anew"
        default: nil
        }
    }

    public var category: FailureCategory {
        switch self {
        case .noSpace: .noSpace
        case .onTrial: .needsReboot
        default: .failed
        }
    }
}
