import CLinux
public import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import SystemPackage

extension StoreTransaction {
    /// Moves everything staged into the store: durable before it is visible, commits last, so that no
    /// commit is ever seen without its objects.
    ///
    /// - Parameter refs: what to point at the new commits before a collector can get at them.
    /// - Throws: `StoreError.missing` when an object that was in the store has been collected meanwhile,
    ///   `LockedError`, `SystemError`; running the whole command again completes it.
    public func commit(refs: [String: Checksum] = [:]) throws {
        let (staged, present) = objects.with {
            precondition($0.isQuiet, "a transaction ends when its writers are done")
            return ($0.staged, $0.present)
        }
        FaultPoint.reached("store.before-sync")
        try Descriptor(opening: folder.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
        FaultPoint.reached("store.before-lock")
        let lock = try store.lock(.shared)
        for name in present where !store.contains(name) { throw StoreError.missing(name) }
        FaultPoint.reached("store.before-objects")
        try publish(staged.filter { $0.kind != .commit })
        FaultPoint.reached("store.before-commits")
        try publish(staged.filter { $0.kind == .commit })
        FaultPoint.reached("store.after-commits")
        for (name, commit) in refs { try store.setRef(name, to: commit) }
        _ = consume lock
        objects.with { $0 = TransactionObjects() }
        try Files.removeTree(folder)
    }

    private func publish(_ names: Set<ObjectName>) throws(SystemError) {
        if names.isEmpty { return }
        let objects = store.path.appending("objects")
        for (staged, names) in Dictionary(grouping: names, by: StagedObjects.folderName) {
            // A folder that the store lacks moves as a whole: one rename instead of one for each object.
            if staged != StagedObjects.commits, rename("\(folder)/\(staged)", "\(objects)/\(staged)") == 0 { continue }
            for name in names { try move(name) }
        }
        // One flush of the journal; a flush for each of up to 256 folders would be as many.
        try Descriptor(opening: objects.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
    }

    /// An object that another process has stored meanwhile stays: deployments may share its inode. Not so damaged
    /// metadata, which no deployment shares: the staged object takes its place, also when the run that staged it was
    /// interrupted and nobody remembers why it was.
    private func move(_ name: ObjectName) throws(SystemError) {
        let (staged, target) = (path(of: name), store.objectPath(name))
        while hostctl_renameat2(AT_FDCWD, staged, AT_FDCWD, target, HOSTCTL_RENAME_NOREPLACE) != 0 {
            switch errno {
            case EEXIST where isReplaced(name) || isDamagedMetadata(name):
                return _ = try retrying("store", target) { rename(staged, target) }
            case EEXIST: return try Files.remove(FilePath(staged))
            case EINVAL, ENOSYS: return _ = try retrying("store", target) { rename(staged, target) }
            case ENOENT where Files.exists(FilePath(staged)):
                try Files.makeFolder(FilePath(target).removingLastComponent())
            default: throw SystemError("store", target)
            }
        }
    }

    /// Deployments keep the damaged inode until they are linked to the new one.
    private func isReplaced(_ name: ObjectName) -> Bool { objects.with { $0.replaced.contains(name) } }

    private func isDamagedMetadata(_ name: ObjectName) -> Bool {
        guard name.kind != .file else { return false }
        do { _ = try store.metadata(name) } catch StoreError.corrupted { return true } catch { return false }
        return false
    }
}
