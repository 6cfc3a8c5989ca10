public import Checksums
public import LinuxSystem
import ObjectFormats
public import ObjectStorage
public import SystemPackage

/// Makes the patches that bring hosts from earlier releases to a new one.
///
/// An object that several bases lack has a patch for each version of it that they have, and what is new to all is there
/// once. Parts hold what the same bases need, so that no host fetches a part for nothing.
public struct PoolBuilder: Sendable {
    private let commit: Checksum
    private let bases: [Checksum]
    private let stores: [Store]
    private let folder: FilePath
    private let progress: ProgressHandler
    /// zstd's, for parts: they are made once and sent often.
    private static let level: Int32 = 19

    /// - Parameters:
    ///   - bases: the commits to start from, the newest first.
    ///   - stores: where the objects of all are, to be tried in this order.
    ///   - folder: where a file without a name may be for a while, of some hundred megabytes.
    public init(
        _ commit: Checksum, from bases: [Checksum], stores: [Store], temporary folder: FilePath = "/var/tmp",
        progress: @escaping ProgressHandler = { _ in }
    ) {
        self.commit = commit
        self.bases = bases
        self.stores = stores
        self.folder = folder
        self.progress = progress
    }

    /// Makes the pool. The same objects and bases give the same bytes, whatever the machine.
    ///
    /// - Parameter write: takes the parts' stored bytes, in their order.
    /// - Throws: `StoreError`, `SystemError`, and what `write` throws.
    public func build(
        workers: Int = Workers.processorCount, _ write: ([UInt8]) throws -> Void
    ) throws -> PatchIndex {
        let trees = try trees()
        let tasks = try tasks(trees)
        let spool = try PieceSpool(in: folder)
        let layout = PoolLayout(try encode(tasks, spool, workers: workers))
        let frames = try compress(layout.parts, spool, workers: workers)
        for frame in frames { try write(spool.load(frame.place)) }
        return index(layout, frames, trees.map(\.commit))
    }

    // MARK: what is missing where

    private func store(of commit: Checksum) throws -> Store {
        let name = ObjectName(commit, .commit)
        guard let store = stores.first(where: { $0.contains(name) }) else { throw StoreError.missing(name) }
        return store
    }

    /// The bases that are whole; an earlier release that has lost its trees must not keep a new one from being published.
    private func trees() throws -> [BaseTree] {
        try bases.compactMap { base in
            do { return try BaseTree(base, in: store(of: base)) } catch is StoreError { return nil }
        }
    }

    private func tasks(_ trees: [BaseTree]) throws -> [ObjectEncoder.Task] {
        let target = try store(of: commit)
        var seen = Set<ObjectName>()
        var tasks: [ObjectEncoder.Task] = []
        try target.forEachPath(of: commit) { path, name in
            guard seen.insert(name).inserted else { return }
            guard var task = task(path, name, trees, size: try target.size(of: name)) else { return }
            if name.kind == .file, target.mode == .bare { task.size = try Self.size(task, in: target) }
            tasks.append(task)
        }
        return tasks
    }

    /// What is compared, and so has to be in memory, is the content of a gzip file rather than the file.
    private static func size(_ task: ObjectEncoder.Task, in store: Store) throws -> Int64 {
        let stream = try ObjectStream(task.name, path: store.path(of: task.name).string)
        return max(task.size, try GzipContent.announcedSize(of: stream) ?? 0)
    }

    /// `nil` when all bases have the object.
    private func task(_ path: String, _ name: ObjectName, _ trees: [BaseTree], size: Int64) -> ObjectEncoder.Task? {
        var task = ObjectEncoder.Task(name: name, sources: [], withoutSource: [], size: size)
        for (position, tree) in trees.enumerated() where !tree.contains(name) {
            if let known = task.sources.firstIndex(where: { tree.contains($0.name) }) {
                task.sources[known].bases.insert(BaseSet(position))
            } else if let candidate = tree.candidate(for: path, name.kind) {
                task.sources.append((candidate, BaseSet(position)))
            } else {
                task.withoutSource.insert(BaseSet(position))
            }
        }
        return task.sources.isEmpty && task.withoutSource.isEmpty ? nil : task
    }

    // MARK: work by several threads

    private func encode(
        _ tasks: [ObjectEncoder.Task], _ spool: PieceSpool, workers: Int
    ) throws -> [EncodedObject] {
        let results = Guarded([EncodedObject?](repeating: nil, count: tasks.count))
        try forEach(TaskQueue(tasks.map(\.memory)), tasks.count, workers, "making patches") {
            ObjectEncoder(stores, spool)
        } _: { encoder, index in
            let object = try encoder.encode(tasks[index])
            results.with { $0[index] = object }
        }
        return results.with { $0.compactMap { $0 } }
    }

    /// A part, compressed; its bytes wait in the spool.
    private struct Frame {
        let place: SpooledBytes
        let decodedSize: Int
        let checksum: Checksum
    }

    private func compress(_ parts: [PoolLayout.Part], _ spool: PieceSpool, workers: Int) throws -> [Frame] {
        let results = Guarded([Frame?](repeating: nil, count: parts.count))
        try forEach(TaskQueue(parts.map { _ in 0 }), parts.count, workers, "compressing patches") {
            ZstdEncoder(level: Self.level)
        } _: { encoder, index in
            var writer = PartWriter()
            for piece in parts[index].pieces { try spool.load(piece, into: &writer) }
            let part = writer.encode()
            let bytes = encoder.frame(part)
            let frame = Frame(
                place: try spool.keep(bytes), decodedSize: part.count, checksum: SHA256.hash(bytes))
            results.with { $0[index] = frame }
        }
        return results.with { $0.compactMap { $0 } }
    }

    /// Calls `body` for each task of a queue by several threads, each with a tool of its own.
    private func forEach<Tool>(
        _ queue: TaskQueue, _ total: Int, _ workers: Int, _ step: String,
        tool: @escaping @Sendable () -> Tool, _ body: @escaping @Sendable (Tool, Int) throws -> Void
    ) throws {
        let done = Guarded(0)
        try Workers.run(workers) { _, stop in
            let tool = tool()
            try queue.work(until: stop) { task in
                try body(tool, task)
                let count = done.with { done in
                    done += 1
                    return done
                }
                if count % 32 == 0 || count == total {
                    progress(ProgressReport(step, done: Int64(count), total: Int64(total), unit: .objects))
                }
            }
        }
    }

    // MARK: the index

    private func index(_ layout: PoolLayout, _ frames: [Frame], _ bases: [Checksum]) -> PatchIndex {
        var offset: Int64 = 0
        var parts: [PatchIndex.Part] = []
        for (part, frame) in zip(layout.parts, frames) {
            parts.append(
                .init(
                    offset: offset, storedSize: frame.place.count, decodedSize: frame.decodedSize,
                    checksum: frame.checksum, bases: part.bases))
            offset += Int64(frame.place.count)
        }
        return PatchIndex(
            commit: commit, bases: bases, parts: parts, sources: layout.sources, objects: layout.objects)
    }
}
