public import Checksums
import Glibc
public import LinuxSystem
public import ObjectFormats
public import SystemPackage

/// New objects on their way into a store.
///
/// They are written, complete and under their final names, into a staging folder outside `objects` and
/// enter the store together at `commit`: the store's lock is held only for the renames. A staging folder
/// that is kept survives the process, so that what has arrived once never has to arrive again.
public final class StoreTransaction: Sendable {
    /// What becomes of the staging folder when the transaction ends without a commit.
    public enum Staging: Sendable {
        /// Removed with everything in it.
        case temporary
        /// Kept and taken up again by the next transaction on the same folder.
        case resumable(FilePath)
    }

    public let store: Store
    let folder: FilePath
    private let isTemporary: Bool
    private let staged: Guarded<Set<ObjectName>>
    private let counter = Guarded(0)

    /// Starts a transaction, taking up what an earlier one left in a resumable folder.
    ///
    /// - Throws: `SystemError`.
    public init(_ store: Store, staging: Staging = .temporary) throws {
        self.store = store
        switch staging {
        case .temporary:
            folder = store.path.appending("tmp/hostctl-\(getpid())-\(UInt32.random(in: 0 ... .max))")
            isTemporary = true
            try StagedObjects(folder: folder, mode: store.mode).prepare()
            staged = Guarded([])
        case .resumable(let path):
            folder = path
            isTemporary = false
            staged = Guarded(try StagedObjects(folder: path, mode: store.mode).recover())
        }
    }

    /// How many objects wait for the commit.
    public var stagedCount: Int { staged.with { $0.count } }

    /// The bytes of what waits for the commit.
    ///
    /// - Throws: `SystemError`.
    public func stagedBytes() throws(SystemError) -> Int64 {
        var sum: Int64 = 0
        for name in staged.with({ Array($0) }) {
            var status = stat()
            try retrying("examine", path(of: name)) { lstat(path(of: name), &status) }
            sum += Int64(status.st_size)
        }
        return sum
    }

    /// Whether the object is staged or in the store already.
    public func contains(_ name: ObjectName) -> Bool {
        staged.with { $0.contains(name) } || store.contains(name)
    }

    /// The bytes of a dirtree, dirmeta or commit from the staging folder or the store, checksum verified.
    ///
    /// - Throws: as `Store.metadata(_:)`.
    public func metadata(_ name: ObjectName) throws -> [UInt8] {
        guard staged.with({ $0.contains(name) }) else { return try store.metadata(name) }
        let bytes = try Files.read(FilePath(path(of: name)), limit: Store.metadataLimit)
        guard SHA256.hash(bytes) == name.checksum else { throw StoreError.corrupted(name, actual: SHA256.hash(bytes)) }
        return bytes
    }

    /// Stages a dirtree, dirmeta or commit.
    ///
    /// - Throws: `StoreError.corrupted` when the bytes are not those of `expected`, `SystemError`.
    @discardableResult
    public func write(_ kind: ObjectKind, _ bytes: [UInt8], expected: Checksum? = nil) throws -> Checksum {
        let name = ObjectName(SHA256.hash(bytes), kind)
        if let expected, expected != name.checksum {
            throw StoreError.corrupted(ObjectName(expected, kind), actual: name.checksum)
        }
        if try !reserve(name) { return name.checksum }
        let file = try createReserved(name, mode: 0o644)
        try file.write(bytes)
        try complete(file)
        return name.checksum
    }

    // MARK: for the object writers

    /// Claims an object for the caller to write. `false` when it is there or someone else writes it.
    func reserve(_ name: ObjectName) throws(SystemError) -> Bool {
        guard staged.with({ $0.insert(name).inserted }) else { return false }
        if !store.contains(name) { return true }
        _ = staged.with { $0.remove(name) }
        return false
    }

    /// Opens the file for an object that was reserved. Until `complete` it counts as torn.
    func createReserved(_ name: ObjectName, mode: mode_t) throws(SystemError) -> Descriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL
        do throws(SystemError) { return try Descriptor(opening: path(of: name), flags: flags, mode: mode) } catch {
            guard error.code == .noSuchFileOrDirectory else { throw error }
            try makeParent(of: name)
            return try Descriptor(opening: path(of: name), flags: flags, mode: mode)
        }
    }

    private func makeParent(of name: ObjectName) throws(SystemError) {
        let parent = "\(folder)/\(StagedObjects.folderName(name))"
        if mkdir(parent, 0o755) != 0, errno != EEXIST { throw SystemError("make the folder", parent) }
    }

    /// Marks a file as whole: its time becomes 0, which ostree wants of objects anyway.
    func complete(_ file: borrowing Descriptor) throws(SystemError) {
        try retrying("set the time of", file.path) { futimens(file.raw, StagedObjects.completionTimes) }
    }

    /// A name for an object whose checksum is not known yet.
    func temporaryPath() -> String {
        let number = counter.with { count in
            count += 1
            return count
        }
        return "\(folder)/\(StagedObjects.unnamed)/\(number)"
    }

    /// A string: a `FilePath` costs more than the system call that it is for.
    func path(of name: ObjectName) -> String { "\(folder)/\(StagedObjects.relativePath(name, mode: store.mode))" }

    /// Gives a reserved object its place.
    func stage(_ temporary: String, as name: ObjectName) throws(SystemError) {
        if rename(temporary, path(of: name)) == 0 { return }
        try makeParent(of: name)
        try retrying("stage", temporary) { rename(temporary, path(of: name)) }
    }

    // MARK: the end

    /// Moves everything staged into the store: durable before it is visible, commits last, so that no
    /// commit is ever seen without its objects.
    ///
    /// - Throws: `LockedError`, `SystemError`; running the whole command again completes it.
    public func commit() throws {
        let names = staged.with { Array($0) }
        FaultPoint.reached("store.before-sync")
        try Descriptor(opening: folder.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
        FaultPoint.reached("store.before-lock")
        let lock = try store.lock(.shared)
        try publish(names.filter { $0.kind != .commit })
        FaultPoint.reached("store.before-commits")
        try publish(names.filter { $0.kind == .commit })
        FaultPoint.reached("store.after-commits")
        _ = consume lock
        staged.with { $0 = [] }
        try Files.removeTree(folder)
    }

    private func publish(_ names: [ObjectName]) throws(SystemError) {
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

    private func move(_ name: ObjectName) throws(SystemError) {
        let target = store.objectPath(name)
        if rename(path(of: name), target) == 0 { return }
        try Files.makeFolder(FilePath(target).removingLastComponent())
        try retrying("store", target) { rename(path(of: name), target) }
    }

    deinit {
        // A folder that cannot be removed now is only in the way of `df`; libostree empties `tmp` too.
        if isTemporary { try? Files.removeTree(folder) }
    }
}
