public import Checksums
public import LinuxSystem
public import ObjectFormats

/// The objects that a set of commits needs, found by reading their trees: the first half of a collection, and half of
/// a verification.
public struct ObjectMarks: Sendable {
    /// A commit or dirtree below which nothing is known, because it cannot be read.
    public struct Gap: Sendable {
        public let name: ObjectName
        public let error: any ExplainedError
    }

    /// Everything that is needed, whether it is in the store or not. Parents of commits are not.
    public let needed: Set<ObjectName>
    /// What hides what else is needed. Empty when `needed` is all.
    public let gaps: [Gap]
    /// What only partial commits need: it may be missing.
    public let optional: Set<ObjectName>

    /// Reads the trees of commits.
    ///
    /// What a partial commit lacks is not missing: nobody promised that it is there.
    /// - Throws: `SystemError` when no thread can be started.
    public init(
        of commits: some Sequence<Checksum>, in store: Store, workers: Int = Workers.processorCount
    ) throws {
        let marking = Marking(store)
        let all = Set(commits)
        let partial = all.filter { store.isPartial($0) }
        try marking.run(all.subtracting(partial), arePartial: false, workers: workers)
        let certain = marking.needed.with { $0 }
        if !partial.isEmpty { try marking.run(partial, arePartial: true, workers: workers) }
        needed = marking.needed.with { $0 }
        optional = partial.isEmpty ? [] : needed.subtracting(certain)
        gaps = marking.gaps.with { $0 }.sorted { $0.name.description < $1.name.description }
    }
}

/// What all workers share.
private final class Marking: Sendable {
    let store: Store
    let needed = Guarded(Set<ObjectName>())
    let gaps = Guarded<[ObjectMarks.Gap]>([])

    init(_ store: Store) { self.store = store }

    func run(_ commits: Set<Checksum>, arePartial: Bool, workers: Int) throws {
        let queue = WorkQueue<ObjectName>()
        let names = commits.map { ObjectName($0, .commit) }
        needed.with { $0.formUnion(names) }
        queue.add(names)
        try Workers.run(workers) { _, stop in
            defer { queue.close() }
            let worker = MarkingWorker(self)
            while !stop.isSet, let name = queue.next() {
                do { queue.add(try worker.read(name)) } catch {
                    self.note(name, error, arePartial: arePartial)
                }
                queue.finished()
            }
        }
    }

    private func note(_ name: ObjectName, _ error: any Error, arePartial: Bool) {
        if arePartial, case StoreError.missing? = error as? StoreError { return }
        let explained = error as? any ExplainedError ?? StoreError.corrupted(name, actual: nil)
        gaps.with { $0.append(ObjectMarks.Gap(name: name, error: explained)) }
    }
}

private final class MarkingWorker {
    private let marking: Marking
    private let reader: MetadataReader
    private var files: [Checksum] = []
    private var folders: [(tree: Checksum, metadata: Checksum)] = []

    init(_ marking: Marking) {
        self.marking = marking
        reader = MetadataReader(marking.store)
    }

    /// Marks what a commit or dirtree names.
    ///
    /// - Returns: the dirtrees that nobody has read yet.
    func read(_ name: ObjectName) throws -> [ObjectName] {
        files.removeAll(keepingCapacity: true)
        folders.removeAll(keepingCapacity: true)
        try reader.read(name) { bytes in
            if name.kind == .commit {
                let commit = try Commit(decoding: Array(bytes))
                folders.append((commit.rootTree, commit.rootMetadata))
            } else {
                try DirectoryTree.forEachReference(
                    in: bytes, file: { files.append($0) }, folder: { folders.append(($0, $1)) })
            }
        }
        return marking.needed.with { needed in
            for file in files { needed.insert(ObjectName(file, .file)) }
            var new: [ObjectName] = []
            for folder in folders {
                needed.insert(ObjectName(folder.metadata, .dirmeta))
                let tree = ObjectName(folder.tree, .dirtree)
                if needed.insert(tree).inserted { new.append(tree) }
            }
            return new
        }
    }
}
