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
    private let temporary: TemporaryStaging?
    let objects: Guarded<TransactionObjects>
    private let counter = Guarded(0)

    /// Starts a transaction, taking up what an earlier one left in a resumable folder.
    ///
    /// - Throws: `SystemError`.
    public init(_ store: Store, staging: Staging = .temporary) throws {
        self.store = store
        switch staging {
        case .temporary:
            let temporary = try TemporaryStaging.make(in: store)
            folder = temporary.folder
            self.temporary = consume temporary
            try StagedObjects(folder: folder, mode: store.mode).prepare()
            objects = Guarded(TransactionObjects())
        case .resumable(let path):
            folder = path
            temporary = nil
            let staged = try StagedObjects(folder: path, mode: store.mode).recover()
            objects = Guarded(TransactionObjects(staged: staged))
        }
    }

    /// How many objects wait for the commit.
    public var stagedCount: Int { objects.with { $0.staged.count } }

    /// How many objects and bytes wait for the commit.
    ///
    /// - Parameter others: objects that do not count.
    /// - Throws: `SystemError`.
    public func staged(without others: Set<ObjectName> = []) throws(SystemError) -> (objects: Int64, bytes: Int64) {
        let names = objects.with { $0.staged.subtracting(others) }
        return (Int64(names.count), try bytes(of: names))
    }

    /// The bytes of what waits for the commit.
    ///
    /// - Throws: `SystemError`.
    public func stagedBytes() throws(SystemError) -> Int64 { try bytes(of: objects.with { $0.staged }) }

    private func bytes(of names: Set<ObjectName>) throws(SystemError) -> Int64 {
        var sum: Int64 = 0
        for name in names {
            var status = stat()
            try retrying("examine", path(of: name)) { lstat(path(of: name), &status) }
            sum += Int64(status.st_size)
        }
        return sum
    }

    /// Whether the object is staged, or in the store already; `commit` then makes sure that it still is.
    public func contains(_ name: ObjectName) -> Bool {
        if objects.with({ $0.staged.contains(name) }) { return true }
        guard store.contains(name) else { return false }
        _ = objects.with { $0.present.insert(name) }
        return true
    }

    /// Where the object's file lies now, staged or in the store; `nil` when it is in neither.
    public func location(of name: ObjectName) -> String? {
        if objects.with({ $0.staged.contains(name) }) { return path(of: name) }
        return store.contains(name) ? store.objectPath(name) : nil
    }

    /// A file of the staging folder that has no name: its space is free again when it is closed.
    ///
    /// - Throws: `SystemError`.
    public func temporaryFile() throws(SystemError) -> Descriptor {
        let path = temporaryPath()
        let file = try Descriptor(opening: path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        unlink(path)
        return file
    }

    /// The bytes of a dirtree, dirmeta or commit from the staging folder or the store, checksum verified.
    ///
    /// - Throws: as `Store.metadata(_:)`.
    public func metadata(_ name: ObjectName) throws -> [UInt8] {
        guard objects.with({ $0.staged.contains(name) }) else { return try store.metadata(name) }
        let bytes = try Files.read(FilePath(path(of: name)), limit: Store.metadataLimit)
        guard SHA256.hash(bytes) == name.checksum else { throw StoreError.corrupted(name, actual: SHA256.hash(bytes)) }
        return bytes
    }

    /// Stages a dirtree, dirmeta or commit.
    ///
    /// - Parameter replacingDamaged: whether what is there already is damaged, so that these bytes take its place.
    /// - Throws: `StoreError.corrupted` when the bytes are not those of `expected`, `StoreError.tooLarge` for an
    ///   object that no ostree client would read, `SystemError`.
    @discardableResult
    public func write(
        _ kind: ObjectKind, _ bytes: [UInt8], expected: Checksum? = nil, replacingDamaged: Bool = false
    ) throws -> Checksum {
        let name = ObjectName(SHA256.hash(bytes), kind)
        if let expected, expected != name.checksum {
            throw StoreError.corrupted(ObjectName(expected, kind), actual: name.checksum)
        }
        guard bytes.count <= Store.metadataLimit else { throw StoreError.tooLarge(name, bytes: bytes.count) }
        if replacingDamaged { try forget(name) }
        guard replacingDamaged ? objects.with({ $0.reserve(name) }) : reserve(name) else { return name.checksum }
        try writeReserved(name, mode: 0o644) { file in
            try file.write(bytes)
            try complete(file)
        }
        return name.checksum
    }

    /// Drops files that were staged and that the tree does not have after all; other objects stay.
    ///
    /// - Parameter used: the files that the tree has.
    /// - Throws: `SystemError`.
    public func discardFiles(except used: Set<Checksum>) throws(SystemError) {
        let (staged, present) = objects.with { ($0.staged, $0.present) }
        for name in staged.union(present) where name.kind == .file && !used.contains(name.checksum) {
            try forget(name)
        }
    }

    /// Drops what was staged and will not be needed. What lies in the store is not touched.
    ///
    /// - Throws: `SystemError`.
    public func discard(where isUseless: (ObjectName) -> Bool) throws(SystemError) {
        for name in objects.with({ $0.staged }) where isUseless(name) { try forget(name) }
    }

    /// Says that objects are damaged in the store: what is staged under their names takes their place.
    public func replace(_ names: some Sequence<ObjectName>) {
        let names = Array(names)
        objects.with { $0.replaced.formUnion(names) }
    }

    /// Drops what is known and staged of an object. What lies in the store stays until the commit.
    private func forget(_ name: ObjectName) throws(SystemError) {
        if objects.with({ $0.forget(name) }) { try Files.remove(FilePath(path(of: name))) }
    }

    // MARK: for the object writers

    /// Claims an object for the caller to write. `false` when it is there or someone else writes it.
    func reserve(_ name: ObjectName) -> Bool {
        guard objects.with({ $0.reserve(name) }) else { return false }
        guard !objects.with({ $0.replaced.contains(name) }), store.contains(name) else { return true }
        objects.with {
            $0.release(name)
            $0.present.insert(name)
        }
        return false
    }

    /// Gives up an object that was reserved.
    func release(_ name: ObjectName) { objects.with { $0.release(name) } }

    /// Makes the file of an object that was reserved; `body` writes it and calls `complete`. When it throws,
    /// nothing of the object is left.
    ///
    /// - Parameter mode: 0644 whatever the umask says, as ostree does for what others may read; or 0600.
    func writeReserved(_ name: ObjectName, mode: mode_t, _ body: (borrowing Descriptor) throws -> Void) throws {
        let path = path(of: name)
        do {
            let file = try create(path, name, mode: mode)
            if mode != 0o600 { try retrying("set the permissions of", path) { fchmod(file.raw, mode) } }
            try body(file)
        } catch {
            unlink(path)
            release(name)
            throw error
        }
        objects.with { $0.finish(name) }
    }

    private func create(_ path: String, _ name: ObjectName, mode: mode_t) throws(SystemError) -> Descriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL
        do throws(SystemError) { return try Descriptor(opening: path, flags: flags, mode: mode) } catch {
            guard error.code == .noSuchFileOrDirectory else { throw error }
            try makeParent(of: name)
            return try Descriptor(opening: path, flags: flags, mode: mode)
        }
    }

    private func makeParent(of name: ObjectName) throws(SystemError) {
        let parent = "\(folder)/\(StagedObjects.folderName(name))"
        // Not `Files.makeFolder`: that would make a staging folder anew that someone has removed.
        if mkdir(parent, 0o755) == 0 {
            // It may enter the store as it is, which others read, whatever the umask is here.
            try retrying("set the permissions of", parent) { chmod(parent, 0o755) }
        } else if errno != EEXIST {
            throw SystemError("make the folder", parent)
        }
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

    /// Gives a reserved object its place; gives the claim up when that fails.
    func stage(_ temporary: String, as name: ObjectName) throws(SystemError) {
        do throws(SystemError) {
            let place = path(of: name)
            if rename(temporary, place) != 0 {
                // Any other failure is reported, not tried away.
                guard errno == ENOENT else { throw SystemError("stage", temporary) }
                try makeParent(of: name)
                try retrying("stage", temporary) { rename(temporary, place) }
            }
        } catch {
            release(name)
            throw error
        }
        objects.with { $0.finish(name) }
    }

    deinit {
        // A folder that cannot be removed now is removed by the next transaction.
        if temporary != nil { try? Files.removeTree(folder) }
    }
}
