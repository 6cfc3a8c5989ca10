public import Checksums
public import LinuxSystem
import ObjectFormats
public import ObjectStorage

/// Makes a release's full pack: a pool with every object of the release, none of which needs a source.
///
/// What is small shares a part with its neighbours in the tree, folders apart from files; what is large has parts of its
/// own, so that it can be fetched alone.
public struct PackBuilder: Sendable {
    private let commit: Checksum
    private let store: Store
    private let progress: ProgressHandler
    /// zstd's. Higher ones take several times as long for a hundredth of the bytes.
    private static let level: Int32 = 15
    /// About the bytes of a part with many objects.
    private static let partSize: Int64 = 2 << 20
    /// From here on objects have parts of their own.
    private static let largeSize: Int64 = 1 << 20
    /// About the bytes of objects that are in memory at a time.
    private static let batchSize: Int64 = 32 << 20

    /// - Parameter store: a bare store that has the whole commit.
    public init(_ commit: Checksum, in store: Store, progress: @escaping ProgressHandler = { _ in }) {
        self.commit = commit
        self.store = store
        self.progress = progress
    }

    /// Makes the pack. The same objects give the same bytes, whatever the machine.
    ///
    /// - Parameter write: takes the parts' stored bytes, in their order.
    /// - Throws: `StoreError`, `SystemError`, and what `write` throws.
    public func build(workers: Int = Workers.processorCount, _ write: ([UInt8]) throws -> Void) throws -> PatchIndex {
        var index = PatchIndex(commit: commit, bases: [], parts: [], sources: [], objects: [])
        let groups = try groups()
        let total = Int64(groups.reduce(0) { $0 + $1.names.count })
        var rest = groups[...]
        var done: Int64 = 0
        while !rest.isEmpty {
            let batch = Self.batch(&rest)
            for made in try make(batch, workers: workers) {
                for part in made.parts { try write(part.frame) }
                index.append(made)
                done += Int64(made.objects.count)
            }
            progress(ProgressReport("making the full pack", done: done, total: total, unit: .objects))
        }
        index.objects.sort { $0.name < $1.name }
        return index
    }

    // MARK: what lies together

    /// Objects that are loaded together.
    private struct Group {
        var names: [ObjectName] = []
        var size: Int64 = 0
    }

    private func groups() throws -> [Group] {
        var seen = Set<ObjectName>()
        var (folders, files): ([Group], [Group]) = ([], [])
        try store.forEachPath(of: commit) { _, name in
            guard seen.insert(name).inserted else { return }
            let size = try store.size(of: name)
            if name.kind == .file { Self.add(name, size, to: &files) } else { Self.add(name, size, to: &folders) }
        }
        return folders + files
    }

    private static func add(_ name: ObjectName, _ size: Int64, to groups: inout [Group]) {
        let isLarge = size >= largeSize
        if isLarge || groups.last.map({ $0.size + size > partSize }) != false { groups.append(Group()) }
        groups[groups.count - 1].names.append(name)
        // Nothing joins a large object.
        groups[groups.count - 1].size += isLarge ? max(size, partSize + 1) : size
    }

    private static func batch(_ rest: inout ArraySlice<Group>) -> [Group] {
        var batch: [Group] = []
        var size: Int64 = 0
        while let next = rest.first, batch.isEmpty || size + next.size <= batchSize {
            batch.append(rest.removeFirst())
            size += next.size
        }
        return batch
    }

    // MARK: work by several threads

    fileprivate struct Made {
        var parts: [(frame: [UInt8], decodedSize: Int)] = []
        /// Their alternatives count parts from the first of these.
        var objects: [PatchIndex.Object] = []
    }

    private func make(_ groups: [Group], workers: Int) throws -> [Made] {
        let results = Guarded([Made](repeating: Made(), count: groups.count))
        let next = Guarded(0)
        try Workers.run(min(workers, groups.count)) { _, stop in
            let packer = Packer(store, ZstdEncoder(level: Self.level))
            while !stop.isSet {
                let place = next.with { next in
                    next += 1
                    return next - 1
                }
                guard place < groups.count else { return }
                let made = try packer.make(groups[place].names)
                results.with { $0[place] = made }
            }
        }
        return results.with { $0 }
    }
}

extension PatchIndex {
    fileprivate mutating func append(_ made: PackBuilder.Made) {
        let first = parts.count
        for part in made.parts {
            parts.append(
                Part(
                    offset: poolSize, storedSize: part.frame.count, decodedSize: part.decodedSize,
                    checksum: SHA256.hash(part.frame), bases: []))
        }
        for var object in made.objects {
            object.alternatives = object.alternatives.map {
                Alternative(sources: [], part: first + $0.part, entry: $0.entry, partCount: $0.partCount)
            }
            objects.append(object)
        }
    }
}

/// Turns objects into parts. One for each worker.
private final class Packer {
    private let store: Store
    private let encoder: ZstdEncoder
    private let loader = ObjectStreamLoader()
    private var writer = PartWriter()
    private var made = PackBuilder.Made()

    init(_ store: Store, _ encoder: ZstdEncoder) {
        self.store = store
        self.encoder = encoder
    }

    func make(_ names: [ObjectName]) throws -> PackBuilder.Made {
        made = PackBuilder.Made()
        for name in names {
            // Larger ones are fetched whole: they are loaded whole here.
            guard let (stream, _) = try loader.load(name, from: store, limit: ObjectEncoder.objectLimit) else {
                continue
            }
            place(name, stream)
        }
        close()
        return made
    }

    private func place(_ name: ObjectName, _ stream: [UInt8]) {
        var (first, entry, count) = (0, 0, 0)
        stream.withUnsafeBytes { bytes in
            var rest = bytes[...]
            repeat {
                let slice = rest.prefix(PieceCollector.pieceSize)
                rest = rest.dropFirst(slice.count)
                var piece = PatchPiece()
                if !slice.isEmpty { piece.insert(UnsafeRawBufferPointer(rebasing: slice)) }
                // An object that goes on in the next part begins it.
                if count > 0 || !writer.fits(piece) { close() }
                if count == 0 { (first, entry) = (made.parts.count, writer.entryCount) }
                _ = writer.add(piece)
                count += 1
            } while !rest.isEmpty
        }
        let alternative = PatchIndex.Alternative(sources: [], part: first, entry: entry, partCount: count)
        made.objects.append(.init(name: name, size: Int64(stream.count), alternatives: [alternative]))
    }

    private func close() {
        if writer.isEmpty { return }
        let bytes = writer.encode()
        made.parts.append((encoder.frame(bytes), bytes.count))
        writer = PartWriter()
    }
}
