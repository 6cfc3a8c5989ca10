import COSTree
import Glibc
public import SystemPackage

/// An ostree repository, for what libostree does better than our own store: making, pruning and summarizing one.
public final class Repository: Sendable {
    /// How files are kept.
    public enum Mode: Sendable {
        /// As they are, with owner and mode: what a host boots from.
        case bare
        /// Compressed, readable by anyone: what an origin serves.
        case archive

        var value: OstreeRepoMode { self == .bare ? OSTREE_REPO_MODE_BARE : OSTREE_REPO_MODE_ARCHIVE }
    }

    /// Who else may use the repository meanwhile.
    public enum Lock: Sendable {
        /// Other writers may, a prune may not.
        case shared
        /// Nobody.
        case exclusive

        var value: OstreeRepoLockType {
            self == .shared ? OSTREE_REPO_LOCK_SHARED : OSTREE_REPO_LOCK_EXCLUSIVE
        }
    }

    /// What a prune found and removed.
    public struct PruneResult: Sendable, Equatable {
        /// Objects that were there.
        public let objects: Int
        /// Objects that were removed.
        public let removed: Int
        /// Bytes that the removed objects took.
        public let freedBytes: UInt64
    }

    private let object: GObject
    private let path: FilePath

    private init(_ object: GObject, _ path: FilePath) {
        self.object = object
        self.path = path
    }

    /// Opens the repository at `path`.
    ///
    /// - Throws: `OSTreeError`, also for a folder that is no repository.
    public convenience init(opening path: FilePath) throws(OSTreeError) {
        let object = try LibraryThread.run { () throws(OSTreeError) in
            GObject(
                adopting: try withGError("open the repository \(path)") {
                    ostree_repo_open_at(AT_FDCWD, path.string, nil, $0)
                })
        }
        self.init(object, path)
    }

    /// Makes a repository at `path`, whose parent exists; one that is there already in the same mode is opened.
    ///
    /// - Throws: `OSTreeError`.
    public static func create(at path: FilePath, mode: Mode) throws(OSTreeError) -> Repository {
        let object = try LibraryThread.run { () throws(OSTreeError) in
            GObject(
                adopting: try withGError("make the repository \(path)") {
                    ostree_repo_create_at(AT_FDCWD, path.string, mode.value, nil, nil, $0)
                })
        }
        return Repository(object, path)
    }

    /// Sets one value in the repository's configuration file, unless it has that value already.
    ///
    /// - Throws: `OSTreeError`.
    public func configure(group: String, key: String, value: String) throws(OSTreeError) {
        try LibraryThread.run { () throws(OSTreeError) in
            guard let configuration = ostree_repo_copy_config(object.pointer) else {
                fatalError("an open repository has a configuration")
            }
            defer { g_key_file_unref(configuration) }
            if let old = g_key_file_get_string(configuration, group, key, nil) {
                defer { g_free(old) }
                if String(cString: old) == value { return }
            }
            g_key_file_set_string(configuration, group, key, value)
            try withGError("configure \(path)") { ostree_repo_write_config(object.pointer, configuration, $0) }
        }
    }

    /// Removes every object that no ref reaches; a ref keeps its commit, not the commit's parents.
    ///
    /// Takes the exclusive lock, and waits for it as long as the repository's configuration says.
    /// - Throws: `OSTreeError`.
    @discardableResult
    public func prune() throws(OSTreeError) -> PruneResult {
        try LibraryThread.run { () throws(OSTreeError) in
            var objects: gint = 0
            var removed: gint = 0
            var bytes: guint64 = 0
            try withGError("prune \(path)") {
                ostree_repo_prune(
                    object.pointer, OSTREE_REPO_PRUNE_FLAGS_REFS_ONLY, 0, &objects, &removed, &bytes, nil, $0)
            }
            return PruneResult(objects: Int(objects), removed: Int(removed), freedBytes: UInt64(bytes))
        }
    }

    /// Writes the `summary` file anew from the refs, for stock ostree clients.
    ///
    /// - Throws: `OSTreeError`.
    public func regenerateSummary() throws(OSTreeError) {
        try LibraryThread.run { () throws(OSTreeError) in
            try withGError("write the summary of \(path)") {
                ostree_repo_regenerate_summary(object.pointer, nil, nil, $0)
            }
        }
    }

    /// Runs `body` while the repository is locked, so that libostree processes and ours keep out of each other's way.
    ///
    /// - Throws: `OSTreeError` when the lock cannot be had, or what `body` throws.
    @discardableResult
    public func withLock<Value>(_ lock: Lock, _ body: () throws -> Value) throws -> Value {
        try LibraryThread.run { () throws(OSTreeError) in
            try withGError("lock \(path)") { ostree_repo_lock_push(object.pointer, lock.value, nil, $0) }
        }
        let outcome = Result { try body() }
        try LibraryThread.run { () throws(OSTreeError) in
            try withGError("unlock \(path)") { ostree_repo_lock_pop(object.pointer, lock.value, nil, $0) }
        }
        return try outcome.get()
    }
}
