import BootLoaders
public import Disks
import Glibc
public import LinuxSystem
import ObjectStorage
import Releases
import Sysroots
public import SystemPackage
public import Transfers
import TrustMetadata

/// Makes a disk that boots a release: partitions, file systems, the sysroot, a boot loader and the host's identity.
public struct DiskInstaller {
    public let version: String
    public let options: TransferOptions
    public let progress: ProgressHandler

    public init(version: String, options: TransferOptions, progress: @escaping ProgressHandler) {
        self.version = version
        self.options = options
        self.progress = progress
    }

    /// What the file system takes for itself, and an update needs beside what is there.
    private static let overhead: Int64 = 256 << 20

    /// Below that no kernel that is in use fits twice. What a release needs exactly is known when it is there.
    private static let leastBootSize: Int64 = 48 << 20

    /// Installs; nothing looks like a whole disk before all of it is written.
    ///
    /// - Parameter target: checked already; nothing is written to it before the release is found and known to fit.
    /// - Throws: as `Installer.run`; `DiskError`, `BootLoaderError`, `DiskConfigurationError`.
    public func run(_ request: DiskRequest, on target: DiskTarget) throws -> DiskOutcome {
        try DiskWriter.requireTools(request.fileSystem, for: target)
        let keys = request.release
        let manifest = try Installer(root: "/", version: version, options: options, progress: progress)
            .manifest(of: keys)
        let release = manifest.full
        // Two releases, each with its objects and a tree of links to them, must fit beside each other.
        let needed = 2 * release.bytes + release.bytes / 4 + Self.overhead
        // An older manifest tells nothing of its kernel, which is asked for again when it is there.
        let kernels = manifest.kernel.map { BootInstallation.space(for: $0.size + $0.initramfsSize) } ?? 0
        let leastBootSize = max(Self.leastBootSize, kernels)
        guard request.bootSize >= leastBootSize else {
            throw DiskError.bootPartitionTooSmall(size: request.bootSize, needed: leastBootSize)
        }
        let layout = try DiskLayout(
            size: target.size, bootSize: max(request.bootSize, target.leastBootSize), rootSize: request.rootSize,
            needed: needed, architecture: request.release.following.architecture, path: target.path.string)
        progress(ProgressReport("making file systems"))
        let writer = DiskWriter(target, layout: layout, fileSystem: request.fileSystem)
        return try writer.write { root in try fill(root, request, layout, target) }
    }

    private func fill(
        _ root: FilePath, _ request: DiskRequest, _ layout: DiskLayout, _ target: DiskTarget
    ) throws -> DiskOutcome {
        var release = request.release
        // With its type, so that a broken root is not taken for what the disk had before.
        let arguments = ["root=PARTUUID=\(layout.root.identifier)", "rootfstype=\(request.fileSystem.rawValue)"]
        release.kernelArguments = arguments + release.kernelArguments
        let installer = Installer(root: root, version: version, options: options, progress: progress)
        let outcome = try installer.run(release)
        guard let record = SysrootReader(root: root).report().defaultDeployment else {
            throw DiskError.toolFailed("the installation", detail: "there is no deployment")
        }
        let paths = SysrootPaths(root: root)
        let deployment = paths.folder(of: record.name)
        try request.fileSystem.requireDriver(in: deployment)
        progress(ProgressReport("installing the boot loader"))
        try HostIdentityWriter(
            identity: request.host, deployment: deployment,
            variable: paths.deploy.appending(record.stateroot).appending("var")
        ).write()
        try writeMounts(deployment, layout, request.fileSystem)
        let boot = BootInstallation(
            request: request, layout: layout, paths: paths, record: record,
            source: LoaderSource(
                image: deployment,
                bios: BIOSBootArea(
                    disk: target.writing, firstSector: UInt64(layout.bios.start / 512),
                    sectors: UInt64(layout.bios.size / 512))))
        let bootBytes = try boot.run()
        return DiskOutcome(release: outcome, layout: layout, path: target.path, bootBytes: bootBytes)
    }

    /// A boot partition that is broken or gone must not keep a host from coming up that its firmware could still start.
    private static let bootOptions = "umask=0077,noatime,nofail,x-systemd.device-timeout=3min"

    /// The boot partition is checked at boot when it was not unmounted; the root is checked by the initramfs.
    private func writeMounts(_ deployment: FilePath, _ layout: DiskLayout, _ fileSystem: RootFileSystem) throws {
        let path = deployment.appending("etc/fstab")
        let present = try Files.readIfPresent(path, limit: 1 << 20) ?? []
        var text = String(decoding: present, as: UTF8.self)
        text += "PARTUUID=\(layout.boot.identifier) /boot/efi vfat \(Self.bootOptions) 0 2\n"
        if let data = layout.data {
            text +=
                "PARTUUID=\(data.identifier) /var/data \(fileSystem.rawValue) "
                + "noatime,nofail,x-systemd.growfs 0 2\n"
        }
        try Files.replace(path, with: Array(text.utf8))
    }
}

/// What came of it.
public struct DiskOutcome {
    public let release: UpdateOutcome
    public let layout: DiskLayout
    public let path: FilePath
    /// What one deployment takes of the boot partition, in bytes.
    public let bootBytes: Int64
}
