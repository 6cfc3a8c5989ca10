import Glibc
import LinuxSystem
public import SystemPackage

/// The staging folder of one transaction, under the store's `tmp`.
///
/// A killed process leaves its folder behind, which can be as large as an image. Each folder is locked for
/// as long as its process lives, so that the next transaction can tell and remove those nobody holds.
struct TemporaryStaging: ~Copyable, Sendable {
    let folder: FilePath
    private let opened: Descriptor

    private static let prefix = "hostctl-"

    private init(_ folder: FilePath, _ opened: consuming Descriptor) {
        self.folder = folder
        self.opened = opened
    }

    /// - Throws: `SystemError`, `LockedError`.
    static func make(in store: Store) throws -> TemporaryStaging {
        let parent = store.path.appending("tmp")
        try Files.makeFolder(parent)
        // Between its making and its locking, a folder looks like one that was left behind.
        let gate = try FileLock(parent.appending(".hostctl.lock"), .exclusive, seconds: 60)
        try removeAbandoned(in: parent)
        let folder = parent.appending("\(prefix)\(getpid())-\(UInt32.random(in: 0 ... .max))")
        try Files.makeFolder(folder, mode: 0o700)
        let opened = try Descriptor(opening: folder.string, flags: O_RDONLY | O_DIRECTORY)
        // Where folders cannot be locked, no other process can lock and remove it either.
        _ = flock(opened.raw, LOCK_EX | LOCK_NB)
        _ = consume gate
        return TemporaryStaging(folder, opened)
    }

    private static func removeAbandoned(in parent: FilePath) throws(SystemError) {
        for folder in try abandoned(in: parent) { try Files.removeTree(folder) }
    }

    /// Staging folders that nobody locks.
    static func abandoned(in parent: FilePath) throws(SystemError) -> [FilePath] {
        var found: [FilePath] = []
        for name in try Files.namesIfPresent(in: parent) where name.hasPrefix(prefix) {
            do throws(SystemError) {
                let folder = parent.appending(name)
                let opened = try Descriptor(opening: folder.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                if flock(opened.raw, LOCK_EX | LOCK_NB) == 0 { found.append(folder) }
            } catch {
                // Its own process has just removed it, or it is no folder of ours.
                guard error.code == .noSuchFileOrDirectory || error.code == .notDirectory else { throw error }
            }
        }
        return found
    }
}

extension Store {
    /// The staging folders under `tmp` that killed processes have left.
    ///
    /// - Throws: `SystemError`.
    public func abandonedStaging() throws -> [FilePath] {
        let parent = path.appending("tmp")
        guard Files.isFolder(parent) else { return [] }
        // Between its making and its locking, a folder looks like one that was left behind.
        let gate = try FileLock(parent.appending(".hostctl.lock"), .exclusive, seconds: 60)
        defer { withExtendedLifetime(gate) {} }
        return try TemporaryStaging.abandoned(in: parent)
    }
}
