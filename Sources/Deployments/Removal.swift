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
        guard let pending = try PendingChange.load(paths) else { return }
        let listed = reader.readDeployments().listed.map(\.name)
        let isSwitched = listed.first == pending.target
        if pending.isAdding, !listed.contains(pending.target) { try remove(pending.target) }
        try removeDropped(pending)
        if isSwitched {
            completed = pending
            _ = try finish(pending.isAdding ? .deploy : .rollback, pending.target, resuming: true)
        }
        try PendingChange.clear(paths)
        if !isSwitched { try StatusFile(paths).write(reader.report()) }
    }

    /// Removes what a change has dropped, and what its switch has made useless, once the switch is durable.
    func removeDropped(_ pending: PendingChange) throws {
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
    private func makeSwitchDurable() throws {
        let ostree = try Descriptor(opening: paths.root.appending("ostree").string, flags: O_RDONLY | O_DIRECTORY)
        let boot = try Descriptor(opening: paths.boot.string, flags: O_RDONLY | O_DIRECTORY)
        try ostree.syncFileSystem()
        if try boot.status().st_dev != ostree.status().st_dev { try boot.syncFileSystem() }
    }

    /// Removes a deployment's folder first and its lease last, so that its objects outlive it.
    private func remove(_ name: DeploymentName) throws {
        try Files.removeTree(paths.folder(of: name))
        try Files.remove(paths.origin(of: name))
        try Files.removeTree(paths.backing(of: name))
        try store.setRef(name.lease, to: nil)
    }

    /// Removes the boot links and entries that are not in use: of the two versions of each, the other one.
    private func removeReplacedLinks() throws {
        guard let loader = Files.linkTarget(paths.loader), let version = Int(loader.dropFirst("loader.".count)),
            let links = Files.linkTarget(paths.root.appending("ostree/boot.\(version)")),
            links == "boot.\(version).0" || links == "boot.\(version).1"
        else { return }
        let other = 1 - version
        let ostree = paths.root.appending("ostree")
        try Files.removeTree(paths.boot.appending("loader.\(other)"))
        try Files.remove(ostree.appending("boot.\(other)"))
        for name in ["boot.\(version).0", "boot.\(version).1", "boot.\(other).0", "boot.\(other).1"] where name != links
        {
            try Files.removeTree(ostree.appending(name))
        }
    }

    /// Gives every listed deployment a lease, then takes away the leases of those that are gone, and the refs by
    /// which stock tools keep deployments and which only their clean-up would renew.
    private func renewLeases(_ listed: [DeploymentName]) throws {
        let leases = try store.refs(below: DeploymentName.leases)
        for name in listed where leases[name.lease] != name.checksum { try store.setRef(name.lease, to: name.checksum) }
        for lease in leases.keys {
            guard let name = DeploymentName(lease: lease), !listed.contains(name),
                !Files.exists(paths.folder(of: name))
            else { continue }
            try store.setRef(lease, to: nil)
        }
        for version in ["ostree/0", "ostree/1"] {
            for ref in try store.refs(below: version).keys { try store.setRef(ref, to: nil) }
        }
    }

    /// Removes the objects that no ref keeps any more from the store.
    ///
    /// It waits for the store's exclusive lock; nobody may hold the store's lock in this process.
    /// - Returns: the bytes that were freed.
    /// - Throws: `OSTreeError`.
    @discardableResult
    public func collectGarbage() throws -> UInt64 {
        try Repository(opening: paths.repository).prune().freedBytes
    }
}
