import BootLoaders
import Disks
import LinuxSystem
import Sysroots
import SystemPackage

/// The boot partition of a new disk: the loader, the first deployment's kernel, its permanent link and its entry.
struct BootInstallation {
    let request: DiskRequest
    let layout: DiskLayout
    let paths: SysrootPaths
    let record: DeploymentRecord
    let source: LoaderSource

    /// What a boot partition has to have for a host that is to be updated: two kernels with their initramfs, and the loader
    /// and FAT's own tables, which take less than 8 MiB.
    static func space(for kernel: Int64) -> Int64 { 2 * kernel + 8 << 20 }

    /// - Returns: the bytes that the deployment takes on the boot partition.
    /// - Throws: `DiskError.bootPartitionTooSmall`, `BootLoaderError`, `SystemError`.
    func run() throws -> Int64 {
        let partition = paths.partition
        let configuration = BootConfiguration(
            loader: request.loader, partition: layout.boot.identifier, tries: request.tries)
        let loader = configuration.bootLoader(on: partition)
        let kernel = try partition.addition(of: kernelSource())
        let size = kernel.space.whole
        let needed = Self.space(for: size)
        guard needed <= layout.boot.size else {
            throw DiskError.bootPartitionTooSmall(size: layout.boot.size, needed: needed)
        }
        try loader.install(source, options: LoaderOptions(timeout: 0, usesSerialPort: usesSerialPort))
        let folder = try partition.addKernel(kernel)
        try makeLink()
        try configuration.save(paths)
        let entry = LoaderEntry(
            name: try EntryName(stateroot: record.stateroot, generation: 1), folder: record.name.folderName,
            title: title, kernelFolder: folder, arguments: record.kernelArguments)
        try loader.add(entry)
        return size
    }

    private var usesSerialPort: Bool { record.kernelArguments.contains { $0.hasPrefix("console=ttyS0") } }

    private var title: String { [record.channel, record.version].compactMap { $0 }.joined(separator: " ") }

    private func kernelSource() throws -> KernelSource {
        guard let checksum = record.bootChecksum else { throw BootLoaderError.noKernel(record.name.folderName) }
        let folder = paths.kernelFolder(stateroot: record.stateroot, bootChecksum: checksum)
        let names = try Files.names(in: folder)
        guard let kernel = names.first(where: { $0.hasPrefix("vmlinuz") }),
            let initramfs = names.first(where: { $0.hasPrefix("initramfs") })
        else { throw BootLoaderError.noKernel(checksum) }
        return KernelSource(
            bootChecksum: checksum, kernel: folder.appending(kernel), initramfs: folder.appending(initramfs))
    }

    private func makeLink() throws {
        let link = paths.bootLink(of: record.name)
        try Files.makeFolder(link.removingLastComponent())
        try Files.makeLink(link, target: SysrootPaths.bootLinkTarget(record.name))
        try Files.syncFolder(link.removingLastComponent())
    }
}
