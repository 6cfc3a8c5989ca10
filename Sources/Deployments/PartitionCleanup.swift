import BootLoaders
import LinuxSystem
import Sysroots
import SystemPackage

// What a cleanup finds besides on a host that has a boot partition.

extension SysrootChange {
    /// The deployments of the default's stateroot that nobody would boot, and those whose folders are gone: the entry
    /// of such a one leads nowhere.
    func unneeded(_ report: SysrootReport) -> [DeploymentRecord] {
        guard let first = report.defaultDeployment else { return [] }
        if report.isRunning, report.booted == nil { return [] }
        let retained = report.retained(in: first.stateroot, lastGood: LastGood.read(paths))
        let rollback = report.rollback?.name
        let whole = report.listed.filter { record in Files.isFolder(paths.folder(of: record.name)) }
        return report.listed.filter { record in
            guard record.stateroot == first.stateroot, !record.isBooted else { return false }
            if !whole.contains(where: { $0.name == record.name }) { return !whole.isEmpty }
            return !retained.contains(record.name) && record.name != rollback && record.problems.isEmpty
        }
    }

    /// Entries, links and kernels that lead to nothing or that nothing leads to.
    ///
    /// - Parameter gone: deployments that go.
    func partitionItems(without gone: Set<DeploymentName>, staged: DeploymentName?) throws -> [CleanupItem] {
        guard let boot else { return [] }
        let old = try supersededEntries(by: boot).map { entry in
            CleanupItem(.bootEntry, entry.name.text, "its deployment has a better one")
        }
        let links = try uselessLinks(by: boot, staged: staged).map { name in
            let path = paths.bootLink(of: name)
            return CleanupItem(.bootLink, paths.relative(path), "its deployment is gone", places: [path])
        }
        let needed = try boot.neededKernels(by: [staged].compactMap { $0 }, without: gone)
        let kernels = try boot.partition.kernelFolders().filter { !needed.contains($0) }.map { name in
            let path = boot.partition.own.appending(name)
            return CleanupItem(.kernel, paths.relative(path), "no boot entry names it", places: [path])
        }
        return old + links + kernels
    }

    /// Entries of deployments that have a better one: what a rollback that was cut off has left, and copies.
    func supersededEntries(by boot: BootSwitch) throws -> [LoaderEntry] {
        let names = Set(try boot.loader.listing().entries.compactMap { DeploymentName(text: $0.deployment) })
        return try names.flatMap { try boot.superseded(of: $0) }.sorted { $0.generation < $1.generation }
    }

    /// Removes copies with a counter of entries without one. Which of several counters is right nobody knows: these stay.
    private func removeTwins(by boot: BootSwitch) throws {
        let listing = try boot.loader.listing()
        for twin in listing.duplicates where listing.entry(twin.generation)?.counter == nil {
            try boot.loader.markGood(generation: twin.generation)
        }
    }

    private func uselessLinks(by boot: BootSwitch, staged: DeploymentName?) throws -> [DeploymentName] {
        let named = Set(try boot.loader.listing().entries.map(\.deployment))
        var found: [DeploymentName] = []
        for stateroot in try Files.namesIfPresent(in: paths.bootLinks) {
            for folder in try Files.namesIfPresent(in: paths.bootLinks.appending(stateroot)) {
                guard let name = DeploymentName(stateroot: stateroot, folderName: folder),
                    !named.contains(name.description), name != staged, !Files.exists(paths.folder(of: name))
                else { continue }
                found.append(name)
            }
        }
        return found
    }

    /// Takes the deployments that nothing needs off the partition, then removes them.
    func dropEntries(_ plan: CleanupPlan) throws {
        let listed = reader.readDeployments().listed
        guard let first = plan.keptIndexes.first.map({ listed[$0] }) else { return }
        let pending = PendingChange(.cleanup, first.name, dropping: plan.unneeded.map(\.name))
        try pending.save(paths)
        FaultPoint.reached("cleanup.before-switch")
        try removeDropped(pending)
        FaultPoint.reached("cleanup.after-switch")
        try PendingChange.clear(paths)
    }

    /// Removes superseded entries, links without deployments, kernels without entries, and temporary files.
    func cleanPartition(by boot: BootSwitch) throws {
        try removeTwins(by: boot)
        for entry in try supersededEntries(by: boot) { try boot.loader.remove(generation: entry.generation) }
        let staged = try StagedDeployment.load(paths)?.name
        for name in try uselessLinks(by: boot, staged: staged) { try boot.removeLink(of: name) }
        try removeKernels(by: boot)
        try boot.partition.removeLeftovers()
        refreshMirror()
    }
}
