import BootLoaders
public import Checksums
import Glibc
import LinuxSystem
public import ObjectStorage
public import Sysroots
import SystemPackage

/// Whether a deployment fits, asked before the first write.
public struct SpaceCheck {
    private let paths: SysrootPaths
    /// Boot entries, links, the origin file and our own state, with room to spare.
    private static let margin: (bytes: Int64, files: Int64) = (1 << 20, 64)

    public init(_ paths: SysrootPaths) { self.paths = paths }

    /// Bytes and files that a deployment takes on the sysroot's file system besides its objects, for an image that is not
    /// here yet: those of a deployed one, from which it will hardly differ. Deploying asks again, for exactly what it takes.
    ///
    /// - Parameter similar: a deployed commit; without one, or when it is damaged, only what every change takes is told.
    /// - Throws: `SystemError`, `FormatError`.
    public static func estimate(like similar: Checksum?, in store: Store?) throws -> (bytes: Int64, files: Int64) {
        var contents: ImageContents?
        do {
            if let similar, let store { contents = try ImageContents(store.commit(similar), in: store) }
        } catch is StoreError {
        } catch is DeploymentError {}
        let checkout = contents?.checkout ?? (bytes: 0, files: 0)
        return (bytes: checkout.bytes + margin.bytes, files: checkout.files + margin.files)
    }

    /// Requires what a change takes in /boot and on the boot partition, before a download that would end there.
    ///
    /// - Parameters:
    ///   - kernel: what the release's kernel takes; where that is not known, only what every change takes is asked for.
    ///   - stateroot: where the release goes; that of what boots next by default.
    ///   - prunes: whether what pruning would free on the boot partition counts.
    /// - Throws: as `require`; `DeploymentError.bootPartitionFull`.
    public func requireBoot(
        kernel: BootableKernel? = nil, stateroot: String? = nil, host: RunningHost = RunningHost(), prunes: Bool = false
    ) throws {
        try require(paths.boot, bytes: Self.margin.bytes, files: Self.margin.files)
        // The next turn frees what an interrupted one has taken.
        guard !PendingChange.exists(in: paths), let boot = try BootSwitch(paths, host: host) else { return }
        let report = SysrootReader(root: paths.root, host: host).readDeployments()
        guard let stateroot = stateroot ?? report.nextBoot?.stateroot else { return }
        let space = try kernel.map { try boot.space(for: $0) }
        do { try boot.requireSpace(for: space, report, stateroot: stateroot) } catch DeploymentError.bootPartitionFull(
            _, let needed, let available, let prunable, _) where prunes && available + prunable >= needed
        {}
    }

    /// - Throws: `DeploymentError.notEnoughSpace`, `DeploymentError.notEnoughFiles`, `SystemError`.
    ///
    /// - Parameter hasPartition: whether the kernel goes to a boot partition, where `BootSwitch` looks for room.
    func require(_ contents: ImageContents, stateroot: String, hasPartition: Bool) throws {
        let checkout = contents.checkout
        try require(
            paths.deploy, bytes: checkout.bytes + Self.margin.bytes, files: checkout.files + Self.margin.files)
        if hasPartition { return }
        let isShared = try device(paths.boot) == device(paths.repository)
        let isPresent = contents.kernel.bootChecksum.map {
            Files.exists(paths.kernelFolder(stateroot: stateroot, bootChecksum: $0))
        }
        // On the store's file system the kernel is a hard link; one that is there already is not copied again.
        let kernel = isShared || isPresent == true ? 0 : contents.kernel.size
        try require(paths.boot, bytes: kernel + Self.margin.bytes, files: Self.margin.files)
    }

    /// - Throws: `DeploymentError.notEnoughSpace`, `DeploymentError.notEnoughFiles`, `SystemError`.
    func require(_ path: FilePath, bytes: Int64, files: Int64) throws {
        let space = try FileSystemSpace(at: path)
        guard space.bytes >= bytes else {
            throw DeploymentError.notEnoughSpace(path: path.string, needed: bytes, available: space.bytes)
        }
        guard space.files >= files else {
            throw DeploymentError.notEnoughFiles(path: path.string, needed: files, available: space.files)
        }
    }

    private func device(_ path: FilePath) throws -> dev_t {
        try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY).status().st_dev
    }
}
