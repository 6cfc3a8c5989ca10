import Checksums
import Glibc
import LinuxSystem
import OSTree
import ObjectStorage
import Sysroots
import SystemPackage

// All deletion in a sysroot is here, and nothing is deleted because a list lacks it: only what a change of ours
// has named beforehand, and links and refs that a switch has replaced.

extension SysrootChange {
    /// Completes or undoes what an interrupted change has left.
    ///
    /// - Throws: `SystemError`, `SysrootError`, `StoreError`, `OSTreeError`.
    func completeInterrupted() throws {
        try completePending()
        try completeReset()
    }

    private func completePending() throws {
        guard let pending = try PendingChange.load(paths) else { return }
        if let boot { return try complete(pending, by: boot) }
        let listed = reader.readDeployments().listed.map(\.name)
        let isSwitched = listed.first == pending.target
        if pending.isAdding, !listed.contains(pending.target) { try remove(pending.target) }
        try removeDropped(pending)
        if isSwitched, pending.action != .cleanup {
            completed = pending
            _ = try finish(pending.isAdding ? .deploy : .rollback, pending.target, resuming: true)
        }
        try PendingChange.clear(paths)
        if !isSwitched || pending.action == .cleanup { try StatusFile(paths).write(reader.report()) }
    }

    /// Removes what a change has dropped, and what its switch has made useless, once the switch is durable.
    func removeDropped(_ pending: PendingChange) throws {
        if let boot { return try removeDropped(pending, by: boot) }
        try makeSwitchDurable()
        FaultPoint.reached("deploy.before-prune")
        let listed = reader.readDeployments().listed
        for name in pending.dropping where !listed.contains(where: { $0.name == name }) { try remove(name) }
        let used = Set(listed.compactMap { record in record.bootChecksum.map { "\(record.stateroot)-\($0)" } })
        for kernel in pending.kernels where !used.contains(kernel) {
            try Files.removeTree(paths.kernels.appending(kernel))
        }
        try removeReplacedLinks()
        try renewLeases(listed.map(\.name))
        FaultPoint.reached("deploy.after-prune")
    }

    /// Flushes the switch. libostree may only have renamed a link: a power cut could bring the old list back, whose
    /// deployments must still be there then.
    func makeSwitchDurable() throws {
        let ostree = try Descriptor(opening: paths.root.appending("ostree").string, flags: O_RDONLY | O_DIRECTORY)
        let boot = try Descriptor(opening: paths.boot.string, flags: O_RDONLY | O_DIRECTORY)
        try ostree.syncFileSystem()
        if try boot.status().st_dev != ostree.status().st_dev { try boot.syncFileSystem() }
    }

    /// Removes a deployment's folder first and its lease last, so that its objects outlive it. What runs and what was
    /// the last good one stay, whoever has named them.
    func remove(_ name: DeploymentName) throws {
        if isProtected(name) { return }
        try Files.removeTree(paths.folder(of: name))
        try Files.remove(paths.origin(of: name))
        try Files.removeTree(paths.backing(of: name))
        if boot != nil { try StateFolders(paths).set(name, to: nil) }
        try store.setRef(name.lease, to: nil)
    }

    /// Removes the boot links and entries that are not in use.
    func removeReplacedLinks() throws {
        for path in replacedLinks() { try Files.removeTree(path) }
    }

    /// The boot links and entries that are not in use: of the two versions of each, the other one. None where it cannot
    /// be told which are in use.
    func replacedLinks() -> [FilePath] {
        let ostree = paths.root.appending("ostree")
        guard let loader = Files.linkTarget(paths.loader), let version = Int(loader.dropFirst("loader.".count)),
            version == 0 || version == 1, let links = Files.linkTarget(ostree.appending("boot.\(version)")),
            links == "boot.\(version).0" || links == "boot.\(version).1"
        else { return [] }
        let other = 1 - version
        let all = ["boot.\(version).0", "boot.\(version).1", "boot.\(other)", "boot.\(other).0", "boot.\(other).1"]
        return ([paths.boot.appending("loader.\(other)")] + all.filter { $0 != links }.map { ostree.appending($0) })
            .filter { Files.exists($0) }
    }

    /// Gives every listed deployment a lease, then takes away the leases of those that are gone, and the refs by
    /// which stock tools keep deployments and which only their clean-up would renew. Leases that cannot be read count as
    /// none.
    func renewLeases(_ listed: [DeploymentName]) throws {
        let leases = try deploymentRefs()
        for name in listed where leases[name.lease] != .some(name.checksum) {
            try store.setRef(name.lease, to: name.checksum)
        }
        for lease in staleLeases(leases.keys, listed) { try store.setRef(lease, to: nil) }
        for ref in leases.keys where Self.isStock(ref) { try store.setRef(ref, to: nil) }
    }

    /// The leases of deployments that are neither listed nor there.
    func staleLeases(_ refs: some Sequence<String>, _ listed: [DeploymentName]) -> [String] {
        refs.filter { ref in
            guard let name = DeploymentName(lease: ref) else { return false }
            return !listed.contains(name) && !Files.exists(paths.folder(of: name))
        }.sorted()
    }

    /// Local refs that stand for deployments: leases, and those of stock tools.
    func deploymentRefs() throws -> [String: Checksum?] {
        var found: [String: Checksum?] = [:]
        for ref in try store.allRefs() where ref.path.hasPrefix("heads/") {
            let name = String(ref.path.dropFirst("heads/".count))
            if Self.isStock(name) || DeploymentName(lease: name) != nil { found.updateValue(ref.commit, forKey: name) }
        }
        return found
    }

    /// Whether a ref is one by which stock tools keep deployments.
    static func isStock(_ ref: String) -> Bool { ref.hasPrefix("ostree/0/") || ref.hasPrefix("ostree/1/") }
}
