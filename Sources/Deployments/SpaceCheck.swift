import Glibc
import LinuxSystem
import Sysroots
import SystemPackage

/// Whether a deployment fits, asked before the first write.
struct SpaceCheck {
    private let paths: SysrootPaths
    /// Boot entries, links, the origin file and our own state, with room to spare.
    private static let margin: (bytes: Int64, files: Int64) = (1 << 20, 64)

    init(_ paths: SysrootPaths) { self.paths = paths }

    /// - Throws: `DeploymentError.notEnoughSpace`, `DeploymentError.notEnoughFiles`, `SystemError`.
    func require(_ contents: ImageContents, stateroot: String) throws {
        let checkout = contents.checkout
        try require(
            paths.deploy, bytes: checkout.bytes + Self.margin.bytes, files: checkout.files + Self.margin.files)
        let isShared = try device(paths.boot) == device(paths.repository)
        let isPresent = contents.kernel.bootChecksum.map {
            Files.exists(paths.kernelFolder(stateroot: stateroot, bootChecksum: $0))
        }
        // On the store's file system the kernel is a hard link; one that is there already is not copied again.
        let kernel = isShared || isPresent == true ? 0 : contents.kernel.size
        try require(paths.boot, bytes: kernel + Self.margin.bytes, files: Self.margin.files)
    }

    private func require(_ path: FilePath, bytes: Int64, files: Int64) throws {
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
