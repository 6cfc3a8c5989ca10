import BootLoaders
import LinuxSystem
import Sysroots
import SystemPackage

// What can be made anew on a host that has a boot partition.

extension SysrootChange {
    /// Entries, when none is left: those of the deployments that stock tools list, in their order.
    func mendEntries() throws -> [String] {
        guard let boot, try boot.loader.listing().entries.isEmpty else { return [] }
        let staged = try StagedDeployment.load(paths)?.name
        let listed = BootOrder(reading: paths).listed.filter {
            $0.name != staged && Files.isFolder(paths.folder(of: $0.name))
        }
        var mended: [String] = []
        for listed in listed.reversed() {
            try boot.prepare(listed.name)
            try boot.activate(
                listed.name, listed.bootChecksum, title: listed.entry.title ?? listed.name.stateroot,
                arguments: listed.entry.kernelArguments, tries: nil)
            mended.append("the boot entry of \(listed.name) was made anew")
        }
        return mended
    }

    /// Permanent links that the entries of the boot partition name, and their kernels.
    func mendLinks() throws -> [String] {
        guard let boot else { return [] }
        var mended: [String] = []
        for record in reader.readDeployments().deployments where record.isListed || record.isStaged {
            guard Files.isFolder(paths.folder(of: record.name)) else { continue }
            let checksum = try record.bootChecksum ?? boot.kernel(of: record.name).bootChecksum
            guard !boot.isPrepared(record.name, checksum) else { continue }
            try boot.prepare(record.name)
            mended.append("the boot link and the kernel of \(record.name) were made anew")
        }
        return mended
    }
}
