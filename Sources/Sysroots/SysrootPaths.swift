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
    /// The lock that every change takes.
    public var lock: FilePath { state.appending("lock") }

    /// The deployments of a stateroot.
    public func deployments(of stateroot: String) -> FilePath {
        deploy.appending(stateroot).appending("deploy")
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

    /// Where the kernel with this checksum lies.
    public func kernelFolder(stateroot: String, bootChecksum: String) -> FilePath {
        kernels.appending("\(stateroot)-\(bootChecksum)")
    }
}
