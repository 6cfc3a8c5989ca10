import BootLoaders
import LinuxSystem
import Sysroots
import SystemPackage

// What can be made anew on a host that has a boot partition.

extension SysrootChange {
    /// Entries that are lost or damaged, at their places: those of deployments of ours that stock tools still list, and of
    /// what runs. They may be tried as often as before.
    ///
    /// Each entry is added complete, the oldest first, and what is damaged goes last, so that a repair that is cut goes on
    /// where it was.
    func mendEntries() throws -> [String] {
        guard let boot else { return [] }
        let order = BootOrder(reading: paths).listed
        let lost = try lostEntries(order, by: boot)
        var mended: [String] = []
        // Their links tell the next repair, if this one is cut, that they are ours.
        for listed in lost { try boot.prepare(listed.name) }
        for listed in lost.reversed() {
            let counter = try LostEntries(boot).counter(of: listed.name)
            let generation = try EntryPlace(of: listed.name, in: order.map(\.name), boot).generation()
            FaultPoint.reached("repair.before-entry")
            try boot.activate(
                listed.name, listed.bootChecksum, title: listed.entry.title ?? listed.name.stateroot,
                arguments: listed.entry.kernelArguments, counter: counter, generation: generation)
            FaultPoint.reached("repair.after-entry")
            mended.append("the boot entry of \(listed.name) was made anew")
        }
        if let booted = reader.readDeployments().booted, try boot.entries(of: booted.name).isEmpty {
            try addLostEntry(of: booted, by: boot)
            mended.append("the boot entry of \(booted.name), which runs, was made anew")
        }
        return try mended + removeUseless(by: boot)
    }

    /// What stock tools list, and no entry leads to. What they have deployed themselves has none by right, and neither has
    /// what a change that was cut off was about to remove.
    private func lostEntries(_ order: [BootOrder.Listed], by boot: BootSwitch) throws -> [BootOrder.Listed] {
        let entries = try boot.loader.listing().entries
        let report = reader.readDeployments()
        let left = try Set(PendingChange.names(in: paths) + [StagedDeployment.load(paths)?.name].compactMap { $0 })
        return order.filter { listed in
            guard !left.contains(listed.name), Files.isFolder(paths.folder(of: listed.name)),
                !entries.contains(where: { $0.deployment == listed.name.description })
            else { return false }
            let record = report.deployments.first { $0.name == listed.name }
            return entries.isEmpty || record?.isGuarded == true || record?.isBooted == true
                || Files.linkTarget(paths.bootLink(of: listed.name)) != nil
        }
    }

    /// Damaged entries of generations that have no whole one, and entries that were copied to make room.
    private func removeUseless(by boot: BootSwitch) throws -> [String] {
        let listing = try boot.loader.listing()
        guard listing.entries.contains(where: boot.partition.canBoot) else { return [] }
        var mended: [String] = []
        for damaged in listing.damaged where listing.entry(damaged.name.generation) == nil {
            FaultPoint.reached("repair.before-removal")
            try boot.loader.remove(generation: damaged.name.generation)
            FaultPoint.reached("repair.after-removal")
            mended.append("the damaged boot entry \(damaged.name.text) was removed")
        }
        for entry in try supersededEntries(by: boot) { try boot.loader.remove(generation: entry.generation) }
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
