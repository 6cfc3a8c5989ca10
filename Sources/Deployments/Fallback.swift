import BootLoaders
import Checksums
import Glibc
import LinuxSystem
import Sysroots
import SystemPackage

// What a host goes back to when the release that it is about to try does not come up.

extension SysrootChange {
    /// Whether nothing may remove a deployment: it runs, or was the last good one.
    func isProtected(_ name: DeploymentName) -> Bool {
        let isGood = boot != nil && LastGood.read(paths) == name && Files.isFolder(paths.folder(of: name))
        return isGood || reader.readDeployments().booted?.name == name
    }

    /// Makes sure, before an entry is added, that the host can come back: what runs has an entry, whatever has become of
    /// the one that it was started by; an entry that can be booted has no counter; and nothing that cannot be booted
    /// is tried before that one.
    ///
    /// Adds first, and removes what leads nowhere last, so that it can be cut anywhere and asked for again.
    /// - Throws: `BootLoaderError`, `DeploymentError`, `SystemError`.
    func secureFallback(by boot: BootSwitch) throws {
        let report = reader.readDeployments()
        if let booted = report.booted {
            if try boot.entries(of: booted.name).isEmpty { try addLostEntry(of: booted, by: boot) }
            try requireProven(booted.name, by: boot)
        }
        try removeObstacles(by: boot)
    }

    /// Gives a deployment that has lost its entry a new one.
    func addLostEntry(of record: DeploymentRecord, by boot: BootSwitch) throws {
        let known = BootOrder(reading: paths).listed.first { $0.name == record.name }?.entry
        let title = [record.channel ?? record.stateroot, record.version ?? String(record.checksum.hex.prefix(12))]
        let counter = try LostEntries(boot).counter(of: record.name)
        try writeMirror(adding: record.name)
        try boot.prepare(record.name)
        FaultPoint.reached("fallback.before-entry")
        try boot.activate(
            record.name, record.bootChecksum, title: title.joined(separator: " "),
            arguments: known?.kernelArguments ?? reader.bootedArguments(), counter: counter)
        FaultPoint.reached("fallback.after-entry")
    }

    /// Mends what entries without a counter lack to be booted. Where there is none, what runs has come up at least, and
    /// is not counted any more.
    private func requireProven(_ booted: DeploymentName, by boot: BootSwitch) throws {
        func isThere() throws -> Bool { try boot.loader.listing().entries.contains(where: boot.partition.isProven) }
        for entry in try boot.loader.listing().entries where entry.counter == nil && !boot.partition.canBoot(entry) {
            guard try !isThere() else { return }
            _ = mend(entry, by: boot)
        }
        guard try !isThere(), let entry = try boot.entries(of: booted).first else { return }
        try boot.prepare(booted)
        FaultPoint.reached("fallback.before-counter")
        try boot.loader.markGood(generation: entry.generation)
        FaultPoint.reached("fallback.after-counter")
    }

    /// Takes out of the way what would be tried before the entry to come back to and cannot be booted: what a deployment
    /// lacks is mended; damaged files, of which a loader may understand more than is good, and entries of deployments
    /// that are gone are removed.
    private func removeObstacles(by boot: BootSwitch) throws {
        let listing = try boot.loader.listing()
        let fallback = listing.entries.first(where: boot.partition.isProven)
        guard let fallback else { return }
        // What a damaged file still tells of a deployment without another entry is of use to a repair.
        let isOfUse: (EntryListing.DamagedEntry) -> Bool = { damaged in
            guard damaged.name.generation < fallback.generation, let text = damaged.deployment else { return false }
            return listing.entries(of: text).isEmpty
        }
        var useless = Set(listing.damaged.filter { !isOfUse($0) }.map(\.name.generation))
        // A whole twin counts, whatever is beside it.
        useless.subtract(listing.entries.map(\.generation))
        // What has no try left comes after the fallback in any case.
        for entry in listing.entries
        where entry.generation > fallback.generation && entry.counter?.isExhausted != true
            && !boot.partition.canBoot(entry) && !mend(entry, by: boot)
        {
            useless.insert(entry.generation)
        }
        for generation in useless.sorted() {
            FaultPoint.reached("fallback.before-removal")
            try boot.loader.remove(generation: generation)
        }
    }

    /// Gives an entry's deployment its link and its kernel again.
    ///
    /// - Returns: whether it can be booted now. One that cannot keeps no host from being changed.
    private func mend(_ entry: LoaderEntry, by boot: BootSwitch) -> Bool {
        guard let name = DeploymentName(text: entry.deployment), Files.isFolder(paths.folder(of: name)) else {
            return false
        }
        do { try boot.prepare(name) } catch {}
        return boot.partition.canBoot(entry)
    }
}
