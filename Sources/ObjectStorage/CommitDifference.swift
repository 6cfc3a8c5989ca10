public import Checksums
public import ObjectFormats

/// All that is different between two commits: packages, kernel, files and bytes.
public struct CommitDifference: Sendable {
    /// A commit and its checksum.
    public struct Side: Sendable {
        public let checksum: Checksum
        public let commit: Commit
    }

    /// How many paths, folders among them, were treated so.
    public struct Counts: Sendable, Equatable {
        public var added: Int64 = 0
        public var removed: Int64 = 0
        public var changed: Int64 = 0
    }

    public let old: Side
    public let new: Side
    public let packages: PackageDifference
    public private(set) var files = Counts()
    /// Bytes of content that are only in the new commit.
    public private(set) var bytesAdded: Int64 = 0
    /// Bytes of content that are only in the old commit.
    public private(set) var bytesRemoved: Int64 = 0
    /// Each path, when they were asked for.
    public private(set) var changes: [TreeChange] = []

    /// Compares two commits of a store.
    ///
    /// - Parameter listing: whether to keep the paths; memory grows with them.
    /// - Throws: as `TreeDifference.compare`.
    public init(_ old: Checksum, _ new: Checksum, in store: Store, listing: Bool) throws {
        self.old = try Side(checksum: old, commit: store.commit(old))
        self.new = try Side(checksum: new, commit: store.commit(new))
        packages = PackageDifference(from: self.old.commit.packages, to: self.new.commit.packages)
        let collector = Collector(listing: listing)
        try TreeDifference(in: store, collector.add).compare(self.old.commit, with: self.new.commit)
        (files, bytesAdded, bytesRemoved) = (collector.files, collector.bytes.added, collector.bytes.removed)
        changes = collector.changes
    }

    private final class Collector {
        private let listing: Bool
        private(set) var files = Counts()
        private(set) var bytes: (added: Int64, removed: Int64) = (0, 0)
        private(set) var changes: [TreeChange] = []

        init(listing: Bool) { self.listing = listing }

        func add(_ change: TreeChange) {
            switch change.kind {
            case .added: files.added += 1
            case .removed: files.removed += 1
            case .changed: files.changed += 1
            }
            bytes.added += change.bytes.added
            bytes.removed += change.bytes.removed
            if listing { changes.append(change) }
        }
    }
}
