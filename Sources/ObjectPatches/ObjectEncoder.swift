import ObjectFormats
import ObjectStorage

/// One object and how it can be made, before it has a place in a pool.
struct EncodedObject {
    struct Alternative {
        /// `nil` when it needs nothing.
        var source: PatchIndex.Source?
        /// Of the bases, those whose hosts can use it.
        var bases: BaseSet
        var pieces: [SpooledPiece]
    }

    var name: ObjectName
    var size: Int64
    var spans: [DeflateSpan]
    var alternatives: [Alternative]
}

/// Finds the ways to make objects. One for each worker.
final class ObjectEncoder {
    /// What is to be encoded.
    struct Task {
        var name: ObjectName
        /// What may be like it, each with the bases whose hosts have it.
        var sources: [(name: ObjectName, bases: BaseSet)]
        /// The bases where there is nothing like it.
        var withoutSource: BaseSet
        /// The bytes of its file, or of what a gzip file holds: to begin with what takes longest.
        var size: Int64

        /// About the bytes of memory that encoding takes: object and source, the index of the source, what comes of it.
        var memory: Int64 { size * (sources.isEmpty ? 4 : size <= ObjectEncoder.suffixLimit ? 16 : 6) }
    }

    private let stores: [Store]
    private let spool: PieceSpool
    private let loader = ObjectStreamLoader()
    /// Larger objects are not in the pool: they are loaded whole here.
    static let objectLimit = 512 << 20
    /// Up to here a suffix array is used.
    fileprivate static let suffixLimit = 64 << 20

    /// - Parameters:
    ///   - stores: where objects are, to be tried in this order.
    ///   - spool: where the pieces go.
    init(_ stores: [Store], _ spool: PieceSpool) {
        self.stores = stores
        self.spool = spool
    }

    fileprivate struct Loaded {
        var name: ObjectName
        var stream: [UInt8]
        var contentStart: Int
    }

    private func load(_ name: ObjectName) throws -> Loaded? {
        let store = stores.first { $0.contains(name) }
        guard let store else { throw StoreError.missing(name) }
        return try loader.load(name, from: store, limit: Self.objectLimit).map {
            Loaded(name: name, stream: $0.stream, contentStart: $0.contentStart)
        }
    }

    /// - Returns: `nil` for an object that is too large to be in a pool.
    /// - Throws: `StoreError`, `SystemError`.
    func encode(_ task: Task) throws -> EncodedObject? {
        guard let target = try load(task.name) else { return nil }
        let gzip = task.name.kind == .file ? GzipContent(target) : nil
        let span = try gzip?.recompressible(target.stream)
        let view = span == nil ? target.stream : gzip?.view ?? target.stream
        var object = EncodedObject(
            name: task.name, size: Int64(target.stream.count), spans: span.map { [$0] } ?? [], alternatives: [])
        var withoutSource = task.withoutSource
        for (name, bases) in task.sources {
            guard let patch = try difference(view, isInflated: span != nil, from: name) else {
                withoutSource.formUnion(bases)
                continue
            }
            object.alternatives.append(
                .init(source: patch.source, bases: bases, pieces: try patch.pieces.map(spool.keep)))
        }
        if !withoutSource.isEmpty {
            object.alternatives.append(
                .init(source: nil, bases: withoutSource, pieces: try whole(view).map(spool.keep)))
        }
        return object
    }

    private func whole(_ view: [UInt8]) -> [PatchPiece] {
        view.withUnsafeBufferPointer { target in
            var collector = PieceCollector(target: target, source: UnsafeBufferPointer(start: nil, count: 0))
            collector.insert(0..<target.count)
            return collector.finish()
        }
    }

    /// - Returns: `nil` when the source is no help.
    private func difference(
        _ view: [UInt8], isInflated: Bool, from name: ObjectName
    ) throws -> (source: PatchIndex.Source, pieces: [PatchPiece])? {
        let loaded: Loaded?
        // An earlier release that has lost an object must not keep a new one from being published.
        do { loaded = try load(name) } catch is StoreError { loaded = nil }
        guard let loaded else { return nil }
        var source = PatchIndex.Source(name: name, size: Int64(loaded.stream.count))
        var sourceView = loaded.stream
        if isInflated, let gzip = GzipContent(loaded) {
            source.spans = [gzip.span]
            sourceView = gzip.view
        }
        let pieces = pieces(view, sourceView)
        return isWorthwhile(pieces, view.count) ? (source, pieces) : nil
    }

    private func pieces(_ view: [UInt8], _ source: [UInt8]) -> [PatchPiece] {
        view.withUnsafeBufferPointer { target in
            source.withUnsafeBufferPointer { source in
                var collector = PieceCollector(target: target, source: source)
                if source.count <= Self.suffixLimit {
                    Differencer(source, target, SuffixMatchFinder(source)).forEachRegion { collector.add($0) }
                } else {
                    Differencer(source, target, BlockMatchFinder(source)).forEachRegion { collector.add($0) }
                }
                return collector.finish()
            }
        }
    }

    /// Whether a patch is much smaller than the object: what has to be sent is what is inserted or differs.
    private func isWorthwhile(_ pieces: [PatchPiece], _ size: Int) -> Bool {
        let cost = pieces.reduce(0) { sum, piece in
            sum + piece.control.bytes.count + piece.inserts.count
                + piece.differences.reduce(0) { $0 + ($1 == 0 ? 0 : 1) }
        }
        return cost * 10 < size * 9
    }
}

extension GzipContent {
    private static let viewLimit = 1 << 30

    fileprivate init?(_ loaded: ObjectEncoder.Loaded) {
        self.init(loaded.stream, from: loaded.contentStart, limit: Self.viewLimit)
    }
}
