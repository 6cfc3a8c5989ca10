import ObjectFormats

/// Gives encoded objects their places in parts, whose bytes stay where they are.
struct PoolLayout {
    struct Part {
        let pieces: [SpooledPiece]
        /// The bases whose hosts need it.
        let bases: BaseSet
    }

    private(set) var parts: [Part] = []
    private(set) var sources: [PatchIndex.Source] = []
    private(set) var objects: [PatchIndex.Object] = []

    /// - Parameter encoded: in an order in which neighbours are alike, as they are in a tree.
    init(_ encoded: [EncodedObject]) {
        let used = Set(encoded.flatMap { $0.alternatives.compactMap(\.source) })
        sources = used.sorted { $0.name < $1.name || $0.name == $1.name && $0.spans.count < $1.spans.count }
        let numbers = Dictionary(uniqueKeysWithValues: sources.enumerated().map { ($1, $0) })
        var placed: [ObjectName: [PatchIndex.Alternative]] = [:]
        let groups = Set(encoded.flatMap { $0.alternatives.map(\.bases) }).sorted { $0.rawValue < $1.rawValue }
        for group in groups {
            var draft = Draft()
            for object in encoded.indices {
                for number in encoded[object].alternatives.indices
                where encoded[object].alternatives[number].bases == group {
                    let alternative = encoded[object].alternatives[number]
                    var place = self.place(alternative.pieces, &draft, group)
                    place.sources = alternative.source.flatMap { numbers[$0] }.map { [$0] } ?? []
                    placed[encoded[object].name, default: []].append(place)
                }
            }
            close(&draft, group)
        }
        objects = encoded.map {
            .init(name: $0.name, size: $0.size, spans: $0.spans, alternatives: placed[$0.name] ?? [])
        }.sorted { $0.name < $1.name }
    }

    /// A part that is being filled.
    private struct Draft {
        private(set) var pieces: [SpooledPiece] = []
        /// The bytes of the part.
        private var size = PartWriter.headerSize
        /// What the count of a piece's operations can take.
        private static let countSize = 5

        /// Whether a piece still fits.
        func fits(_ piece: SpooledPiece) -> Bool {
            size + piece.size + Self.countSize <= PatchLimits.decodedPartBytes
        }

        mutating func add(_ piece: SpooledPiece) {
            var count = ByteWriter()
            count.add(count: piece.operations)
            size += count.bytes.count + piece.size
            pieces.append(piece)
        }
    }

    private mutating func place(
        _ pieces: [SpooledPiece], _ draft: inout Draft, _ bases: BaseSet
    ) -> PatchIndex.Alternative {
        if let first = pieces.first, !draft.fits(first) { close(&draft, bases) }
        let part = parts.count
        let entry = draft.pieces.count
        for (number, piece) in pieces.enumerated() {
            // An object that goes on in the next part begins it.
            if number > 0 { close(&draft, bases) }
            draft.add(piece)
        }
        return .init(sources: [], part: part, entry: entry, partCount: pieces.count)
    }

    private mutating func close(_ draft: inout Draft, _ bases: BaseSet) {
        if draft.pieces.isEmpty { return }
        parts.append(Part(pieces: draft.pieces, bases: bases))
        draft = Draft()
    }
}
