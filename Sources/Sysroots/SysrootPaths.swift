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
    /// The lock that every change takes.
    public var lock: FilePath { state.appending("lock") }
}
