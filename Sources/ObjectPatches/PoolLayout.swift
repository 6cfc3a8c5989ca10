import ObjectFormats

/// Gives encoded objects their places in parts.
struct PoolLayout {
    struct Part {
        let bytes: [UInt8]
        /// The bases whose hosts need it.
        let bases: BaseSet
    }

    private(set) var parts: [Part] = []
    private(set) var sources: [PatchIndex.Source] = []
    private(set) var objects: [PatchIndex.Object] = []

    /// - Parameter encoded: in an order in which neighbours are alike, as they are in a tree.
    init(_ encoded: consuming [EncodedObject]) {
        var encoded = encoded
        let used = Set(encoded.flatMap { $0.alternatives.compactMap(\.source) })
        sources = used.sorted { $0.name < $1.name || $0.name == $1.name && $0.spans.count < $1.spans.count }
        let numbers = Dictionary(uniqueKeysWithValues: sources.enumerated().map { ($1, $0) })
        var placed: [ObjectName: [PatchIndex.Alternative]] = [:]
        let groups = Set(encoded.flatMap { $0.alternatives.map(\.bases) }).sorted { $0.rawValue < $1.rawValue }
        for group in groups {
            var writer = PartWriter()
            for object in encoded.indices {
                for number in encoded[object].alternatives.indices
                where encoded[object].alternatives[number].bases == group {
                    let alternative = encoded[object].alternatives[number]
                    // Twice in memory would be too much: what has its place is forgotten here.
                    encoded[object].alternatives[number].pieces = []
                    var place = self.place(alternative.pieces, &writer, group)
                    place.sources = alternative.source.flatMap { numbers[$0] }.map { [$0] } ?? []
                    placed[encoded[object].name, default: []].append(place)
                }
            }
            close(&writer, group)
        }
        objects = encoded.map {
            .init(name: $0.name, size: $0.size, spans: $0.spans, alternatives: placed[$0.name] ?? [])
        }.sorted { $0.name < $1.name }
    }

    private mutating func place(
        _ pieces: [PatchPiece], _ writer: inout PartWriter, _ bases: BaseSet
    ) -> PatchIndex.Alternative {
        if let first = pieces.first, !writer.fits(first) { close(&writer, bases) }
        let part = parts.count
        let entry = writer.entryCount
        for (number, piece) in pieces.enumerated() {
            // An object that goes on in the next part begins it.
            if number > 0 { close(&writer, bases) }
            _ = writer.add(piece)
        }
        return .init(sources: [], part: part, entry: entry, partCount: pieces.count)
    }

    private mutating func close(_ writer: inout PartWriter, _ bases: BaseSet) {
        if writer.isEmpty { return }
        parts.append(Part(bytes: writer.encode(), bases: bases))
        writer = PartWriter()
    }
}
