import BootLoaders
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Sysroots
import SystemPackage

extension BootSwitch {
    /// Requires room for a kernel that the partition may have already, and for an entry.
    ///
    /// - Throws: `DeploymentError.bootPartitionFull`, which tells what pruning would free; `.notDeployable` for device
    ///   trees; `SystemError`.
    func requireSpace(
        for files: KernelFiles, in store: Store, _ report: SysrootReport, stateroot: String
    ) throws {
        guard let checksum = files.bootChecksum, let initramfs = files.initramfs, !files.hasDeviceTrees else {
            throw DeploymentError.notDeployable(
                detail: "a boot partition takes a kernel and an initramfs, and no device trees")
        }
        let source = KernelSource(
            bootChecksum: checksum, kernel: store.path(of: ObjectName(files.kernel, .file)),
            initramfs: store.path(of: ObjectName(initramfs, .file)))
        try requireSpace(partition.spaceNeeded(for: source) + BootPartition.reserve, report, stateroot: stateroot)
    }

    /// Requires free bytes on the partition.
    ///
    /// - Throws: `DeploymentError.bootPartitionFull`, `SystemError`.
    func requireSpace(_ needed: Int64, _ report: SysrootReport, stateroot: String) throws {
        let available = try partition.freeSpace()
        if available >= needed { return }
        let pruned = prunable(report, stateroot: stateroot)
        let freed = try partition.spaceOfKernels(except: neededKernels(by: [], without: Set(pruned.map(\.name))))
        throw DeploymentError.bootPartitionFull(
            path: partition.root.string, needed: needed, available: available, prunable: freed,
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
