import BootLoaders
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Sysroots
import SystemPackage

extension BootSwitch {
    /// Compares a kernel with what the partition has of it.
    ///
    /// - Throws: `SystemError`.
    func addition(of source: KernelSource) throws -> KernelAddition {
        try partition.addition(of: source) { try mayBoot(byKernel: source.bootChecksum) }
    }

    /// The room for a release's kernel that is not here yet.
    ///
    /// - Throws: `SystemError`.
    func space(for kernel: BootableKernel) throws -> KernelSpace {
        try partition.space(
            forKernel: kernel.size, initramfs: kernel.initramfsSize, bootChecksum: kernel.bootChecksum
        ) { try mayBoot(byKernel: kernel.bootChecksum) }
    }

    /// Whether an entry, what runs or the last good deployment may boot by a kernel.
    private func mayBoot(byKernel bootChecksum: String) throws -> Bool {
        // A damaged entry does not tell us which kernel it has, and may tell the loader.
        try !loader.listing().damaged.isEmpty
            || neededKernels(by: []).contains(BootPartition.kernelFolder(for: bootChecksum))
    }

    /// Requires room for a kernel that the partition may have already, whole or damaged, and for an entry.
    ///
    /// - Returns: for `prepare`, what the comparison has found.
    /// - Throws: `DeploymentError.bootPartitionFull`, which tells what pruning would free; `.notDeployable` for device
    ///   trees; `SystemError`.
    func requireSpace(
        for files: ImageKernel, in store: Store, _ report: SysrootReport, stateroot: String
    ) throws -> KernelAddition {
        guard let checksum = files.bootChecksum, let initramfs = files.initramfs, !files.hasDeviceTrees else {
            throw DeploymentError.notDeployable(
                detail: "a boot partition takes a kernel and an initramfs, and no device trees")
        }
        let source = KernelSource(
            bootChecksum: checksum, kernel: store.path(of: ObjectName(files.kernel, .file)),
            initramfs: store.path(of: ObjectName(initramfs, .file)))
        let addition = try addition(of: source)
        try requireSpace(for: addition.space, report, stateroot: stateroot)
        return addition
    }

    /// Requires room for a kernel, where one is to be added, and for an entry.
    ///
    /// - Throws: `DeploymentError.bootPartitionFull`, `SystemError`.
    func requireSpace(for kernel: KernelSpace?, _ report: SysrootReport, stateroot: String) throws {
        let available = try partition.freeSpace()
        if available >= (kernel?.needed ?? 0) + BootPartition.reserve { return }
        let pruned = prunable(report, stateroot: stateroot)
        let kept = try neededKernels(by: [], without: Set(pruned.map(\.name)))
        // What is there of it may go with what is pruned.
        let needed = kernel.map { kept.contains($0.folder) ? $0.needed : $0.whole } ?? 0
        throw DeploymentError.bootPartitionFull(
            path: partition.root.string, needed: needed + BootPartition.reserve, available: available,
            prunable: try partition.spaceOfKernels(except: kept),
            names: pruned.map { $0.version ?? $0.name.description })
    }

    /// The deployments that are only kept to go back to, and what is staged: neither what runs, nor what boots next, nor
    /// the last good one, nor what is pinned.
    ///
    /// - Parameter staged: whether what is staged counts; it goes only where the rest is not enough for what replaces it.
    func prunable(_ report: SysrootReport, stateroot: String, staged: Bool = true) -> [DeploymentRecord] {
        let kept = report.retained(in: stateroot, lastGood: LastGood.read(paths))
        return report.listed.filter { !kept.contains($0.name) } + (staged ? [report.staged].compactMap { $0 } : [])
    }
}

extension SysrootChange {
    /// Removes what `BootSwitch.prunable` names, and kernels that nothing needs.
    func prune(by boot: BootSwitch, staged: Bool) throws {
        let report = reader.readDeployments()
        guard let present = report.nextBoot ?? report.booted else { return }
        let names = boot.prunable(report, stateroot: present.stateroot, staged: staged).map(\.name)
        let target = report.defaultDeployment?.name ?? present.name
        let pending = PendingChange(.cleanup, target, dropping: names)
        try pending.save(paths)
        try removeDropped(pending)
        try removeKernels(by: boot)
        try PendingChange.clear(paths)
    }
}
