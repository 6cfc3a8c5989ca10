public import Checksums
import Glibc
public import LinuxSystem
import ObjectFormats
import Synchronization
import SystemPackage

/// What a collection found and removed.
public struct CollectedObjects: Sendable, Equatable {
    /// Objects that were there.
    public internal(set) var objects = 0
    /// Objects that were, or would be, removed.
    public internal(set) var removed = 0
    /// What they took on the disk, where nothing else holds them, in bytes.
    public internal(set) var bytes: Int64 = 0

    public init() {}
}

/// Removes the objects that neither a ref nor anything else that is named needs.
///
/// It is ours, not libostree's: libostree passes over refs that it cannot read and commits that are lost, and
/// removes what they keep. Where it cannot be told what is needed, nothing is removed here.
public struct StoreCollection: Sendable {
    public let store: Store
    /// Commits that are kept besides those that refs name: those of deployments.
    public var keeping: [Checksum] = []
    /// Refs, by their path below `refs`, that keep nothing: they are about to be removed.
    public var ignoring: Set<String> = []
    /// Whether only to tell what would be removed.
    public var isDryRun = false
    /// Seconds to wait for those who add objects at this moment.
    public var wait: Double = 300
    public var workers = Workers.processorCount

    public init(_ store: Store) { self.store = store }

    /// Marks what is needed, and removes the rest, under the store's exclusive lock.
    ///
    /// Commits go first, and for good, so that at no moment a commit is there without its objects. An interrupted
    /// collection is completed by the next one.
    /// - Parameter space: what was removed before, of whose files some names may be left in the store.
    /// - Throws: `StoreError.undecidable`, before anything is removed; `LockedError`, `SystemError`.
    public func run(_ space: inout FreedSpace) throws -> CollectedObjects {
        let lock = try store.lock(isDryRun ? .shared : .exclusive, seconds: wait)
        defer { withExtendedLifetime(lock) {} }
        let commits = try roots()
        let marks = try ObjectMarks(of: commits, in: store, workers: workers)
        if let gap = marks.gaps.first {
            throw StoreError.undecidable(detail: gap.error.reason, others: marks.gaps.count - 1)
        }
        let sweep = StoreSweep(store, needed: marks.needed, isDryRun: isDryRun)
        let result = try sweep.run(workers: workers, &space)
        try StaleDeltas(store).remove(isDryRun: isDryRun, &space) { !marks.needed.contains(ObjectName($0, .commit)) }
        return result
    }

    private func roots() throws -> [Checksum] {
        var commits = keeping
        for ref in try store.allRefs() where !ignoring.contains(ref.path) {
            guard let commit = ref.commit else {
                throw StoreError.undecidable(detail: "the ref \(ref.path) cannot be read", others: 0)
            }
            commits.append(commit)
        }
        return commits
    }
}
