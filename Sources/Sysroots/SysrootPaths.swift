public import BootLoaders
import LinuxSystem
public import SystemPackage

/// Where things lie under a sysroot.
public struct SysrootPaths: Sendable, Hashable {
    /// The physical root: `/` or `/sysroot` on a booted host, the argument of `--sysroot` otherwise.
    public let root: FilePath

    public init(root: FilePath) { self.root = root }

    /// The store.
    public var repository: FilePath { root.appending("ostree/repo") }
    /// The stateroots.
    public var deploy: FilePath { root.appending("ostree/deploy") }
    /// hostctl's own state, outside every stateroot so that a factory reset keeps it.
    public var state: FilePath { root.appending("ostree/hostctl") }
    /// Boot entries and kernels.
    public var boot: FilePath { root.appending("boot") }
    /// The link to the boot entries that count.
    public var loader: FilePath { boot.appending("loader") }
    /// The boot entries, one file for each deployment.
    public var bootEntries: FilePath { loader.appending("entries") }
    /// The kernels, a folder for each kernel and initramfs.
    public var kernels: FilePath { boot.appending("ostree") }
    /// The FAT partition that the boot loader starts from, on a host that `install disk` has made.
    ///
    /// On the running host it is mounted at /boot/efi, which is another place than /sysroot/boot/efi.
    public var bootPartition: FilePath {
        root == "/sysroot" && Files.exists("/run/ostree-booted") ? "/boot/efi" : boot.appending("efi")
    }
    /// The partition, with what its entries lead to.
    public var partition: BootPartition { BootPartition(root: bootPartition, sysroot: root) }
    /// Whether the entries on the boot partition are the switch.
    public var hasBootPartition: Bool { BootConfiguration.exists(in: self) }
    /// The permanent links that boot entries of the boot partition name.
    public var bootLinks: FilePath { state.appending("boot") }
    /// The lock that every change takes.
    public var lock: FilePath { state.appending("lock") }

    /// The deployments of a stateroot.
    public func deployments(of stateroot: String) -> FilePath {
        deploy.appending(stateroot).appending("deploy")
    }

    /// What every deployment of a stateroot has as /var, unless a link says otherwise.
    public func state(of stateroot: String) -> FilePath { deploy.appending(stateroot).appending("var") }

    /// What a /var is called that a factory reset is making, in the stateroot's folder.
    public static let newStateName = "var.hostctl-new"

    /// A /var that a factory reset is making.
    public func newState(of stateroot: String) -> FilePath {
        deploy.appending(stateroot).appending(Self.newStateName)
    }

    /// A deployment's root folder.
    public func folder(of name: DeploymentName) -> FilePath {
        deployments(of: name.stateroot).appending(name.folderName)
    }

    /// A deployment's origin file, beside its folder.
    public func origin(of name: DeploymentName) -> FilePath {
        deployments(of: name.stateroot).appending("\(name.folderName).origin")
    }

    /// What libostree 2023.8 and newer keep for a deployment outside its folder.
    public func backing(of name: DeploymentName) -> FilePath {
        deploy.appending(name.stateroot).appending("backing").appending(name.folderName)
    }

    /// The permanent link to a deployment: it stays where it is as long as the deployment does.
    public func bootLink(of name: DeploymentName) -> FilePath {
        bootLinks.appending(name.stateroot).appending(name.folderName)
    }

    /// What the permanent link leads to, relative to it.
    public static func bootLinkTarget(_ name: DeploymentName) -> String {
        "../../../deploy/\(name.stateroot)/deploy/\(name.folderName)"
    }

    /// Where the kernel with this checksum lies.
    public func kernelFolder(stateroot: String, bootChecksum: String) -> FilePath {
        kernels.appending("\(stateroot)-\(bootChecksum)")
    }
    /// Where the kernel of a deployment lies that the boot loader starts: on the boot partition, where there is one.
    public func bootKernel(of record: DeploymentRecord, _ bootChecksum: String) -> FilePath {
        guard hasBootPartition else {
            return kernelFolder(stateroot: record.stateroot, bootChecksum: bootChecksum)
        }
        return partition.own.appending(BootPartition.kernelFolder(for: bootChecksum))
    }
}
