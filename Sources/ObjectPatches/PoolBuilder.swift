public import Checksums
public import LinuxSystem
import ObjectFormats
public import ObjectStorage
import Synchronization

/// A release's patches, made.
public struct BuiltPool: Sendable {
    public let index: PatchIndex
    /// The parts' bytes, in their order.
    public let parts: [[UInt8]]
}

/// Makes the patches that bring hosts from earlier releases to a new one.
///
/// An object that several bases lack has a patch for each version of it that they have, and what is new to all is there
/// once. Parts hold what the same bases need, so that no host fetches a part for nothing.
public struct PoolBuilder: Sendable {
    private let commit: Checksum
    private let bases: [Checksum]
    private let stores: [Store]
    private let progress: ProgressHandler
    /// zstd's, for parts: they are made once and sent often.
    private static let level: Int32 = 19

    /// - Parameters:
    ///   - bases: the commits to start from, the newest first.
    ///   - stores: where the objects of all are, to be tried in this order.
    public init(
        _ commit: Checksum, from bases: [Checksum], stores: [Store], progress: @escaping ProgressHandler = { _ in }
    ) {
        self.commit = commit
        self.bases = bases
        self.stores = stores
        self.progress = progress
    }

    /// Makes the pool. The same objects and bases give the same bytes, whatever the machine.
    ///
    /// - Throws: `StoreError`, `SystemError`.
    public func build(workers: Int = Workers.processorCount) throws -> BuiltPool {
        let trees = try trees()
        let tasks = try tasks(trees)
        let layout = PoolLayout(try encode(tasks, workers: workers))
        let parts = try compress(layout.parts.map(\.bytes), workers: workers)
        return pool(layout, parts, trees.map(\.commit))
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
            if let task = task(path, name, trees, size: try target.size(of: name)) { tasks.append(task) }
        }
        return tasks
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

    private func encode(_ tasks: [ObjectEncoder.Task], workers: Int) throws -> [EncodedObject] {
        let order = tasks.indices.sorted { tasks[$0].size > tasks[$1].size }
        let results = Guarded([EncodedObject?](repeating: nil, count: tasks.count))
        try forEach(order, workers, "making patches", .objects) {
            ObjectEncoder(stores)
        } _: { encoder, index in
            let object = try encoder.encode(tasks[index])
            results.with { $0[index] = object }
        }
        return results.with { $0.compactMap { $0 } }
    }

    private func compress(_ parts: [[UInt8]], workers: Int) throws -> [[UInt8]] {
        let results = Guarded([[UInt8]](repeating: [], count: parts.count))
        try forEach(Array(parts.indices), workers, "compressing patches", .objects) {
            ZstdEncoder(level: Self.level)
        } _: { encoder, index in
            let frame = encoder.frame(parts[index])
            results.with { $0[index] = frame }
        }
        return results.with { $0 }
    }

    /// Calls `body` for each item, in this order but by several threads, each with a tool of its own.
    private func forEach<Tool>(
        _ items: [Int], _ workers: Int, _ step: String, _ unit: ProgressReport.Unit,
        tool: @escaping @Sendable () -> Tool, _ body: @escaping @Sendable (Tool, Int) throws -> Void
    ) throws {
        let next = Atomic(0)
        try Workers.run(workers) { _, stop in
            let tool = tool()
            while !stop.isSet {
                let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard place < items.count else { return }
                try body(tool, items[place])
                if place % 32 == 31 || place == items.count - 1 {
                    progress(ProgressReport(step, done: Int64(place + 1), total: Int64(items.count), unit: unit))
                }
            }
        }
    }

    // MARK: the index

    private func pool(_ layout: PoolLayout, _ frames: [[UInt8]], _ bases: [Checksum]) -> BuiltPool {
        var offset: Int64 = 0
        var parts: [PatchIndex.Part] = []
        for (part, frame) in zip(layout.parts, frames) {
            parts.append(
                .init(
                    offset: offset, storedSize: frame.count, decodedSize: part.bytes.count,
                    checksum: SHA256.hash(frame), bases: part.bases))
            offset += Int64(frame.count)
        }
        let index = PatchIndex(
            commit: commit, bases: bases, parts: parts, sources: layout.sources, objects: layout.objects)
        return BuiltPool(index: index, parts: frames)
    }
}
