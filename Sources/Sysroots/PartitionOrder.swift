public import BootLoaders
import Glibc
import LinuxSystem
import SystemPackage

/// The deployments that have an entry on the boot partition, in the order in which the loader tries them, and what is
/// wrong with the entries.
struct PartitionOrder {
    struct Listed {
        let name: DeploymentName
        let entry: LoaderEntry
    }

    /// The default first.
    private(set) var listed: [Listed] = []
    /// Damage that belongs to no deployment.
    private(set) var problems: [SysrootProblem] = []
    /// Whether the entries could be read; the listing says nothing otherwise.
    private(set) var isRead = false

    private let paths: SysrootPaths

    init(reading paths: SysrootPaths) {
        self.paths = paths
        let configuration = readConfiguration()
        if let problem = BootMount(paths, configuration).problem {
            problems.append(problem)
            return
        }
        do {
            let partition = paths.partition
            let listing = try configuration.bootLoader(on: partition).listing()
            isRead = true
            for damaged in listing.damaged { problems.append(Self.problem(damaged, paths)) }
            for entry in listing.entries { add(entry, partition) }
        } catch {
            let text = (error as? any ExplainedError)?.reason ?? "\(error)"
            problems.append(SysrootProblem(.unreadableFolder, path: paths.bootPartition.string, text))
        }
    }

    private mutating func readConfiguration() -> BootConfiguration {
        do { return try BootConfiguration.load(paths) ?? .guess(paths) } catch {
            let text = (error as? any ExplainedError)?.reason ?? "\(error)"
            problems.append(
                SysrootProblem(.unreadableState, path: BootConfiguration.path(in: paths).string, text))
            return .guess(paths)
        }
    }

    private static func problem(_ damaged: EntryListing.DamagedEntry, _ paths: SysrootPaths) -> SysrootProblem {
        SysrootProblem(
            .damagedBootEntry, path: paths.bootPartition.string,
            "the boot entry \(damaged.name.text) cannot be used: it \(damaged.problem)")
    }

    private mutating func add(_ entry: LoaderEntry, _ partition: BootPartition) {
        func problem(_ kind: SysrootProblem.Kind, _ text: String) {
            problems.append(
                SysrootProblem(kind, path: partition.root.string, "the boot entry \(entry.name.text) \(text)"))
        }
        guard let name = DeploymentName(text: entry.deployment) else {
            return problem(.damagedBootEntry, "cannot be used: '\(entry.deployment)' is no deployment")
        }
        if let first = listed.first(where: { $0.name == name }) {
            return problem(.duplicateBootEntry, "is for the same deployment as \(first.entry.name.text)")
        }
        let kernel = partition.own.appending(entry.kernelFolder)
        if !["vmlinuz", "initramfs.img"].allSatisfy({ Files.exists(kernel.appending($0)) }) {
            problem(.missingKernel, "names a kernel that is not on the boot partition: \(entry.kernelFolder)")
        }
        if Files.linkTarget(paths.bootLink(of: name)) != SysrootPaths.bootLinkTarget(name) {
            problem(.danglingBootLink, "leads nowhere: the link \(entry.link) is missing or damaged")
        }
        listed.append(Listed(name: name, entry: entry))
    }
}

/// Whether the boot partition is mounted where it should be.
public struct BootMount {
    private let paths: SysrootPaths
    private let configuration: BootConfiguration

    public init(_ paths: SysrootPaths, _ configuration: BootConfiguration) {
        self.paths = paths
        self.configuration = configuration
    }

    /// What is wrong; `nil` when it is mounted.
    public var problem: SysrootProblem? {
        let place = paths.bootPartition.string
        var mounted = stat()
        var above = stat()
        guard stat(place, &mounted) == 0, stat("\(place)/..", &above) == 0, mounted.st_dev != above.st_dev else {
            return SysrootProblem(
                .unmountedPartition, path: place, "the boot partition is not mounted at \(place)")
        }
        // Where there is no udev, nothing tells which device it is.
        var device = stat()
        guard stat("/dev/disk/by-partuuid/\(configuration.partition)", &device) == 0,
            device.st_mode & S_IFMT == Glibc.S_IFBLK, device.st_rdev != mounted.st_dev
        else { return nil }
        return SysrootProblem(
            .unmountedPartition, path: place,
            "what is mounted at \(place) is not the boot partition \(configuration.partition)")
    }
}
