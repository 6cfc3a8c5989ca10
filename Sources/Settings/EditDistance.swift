/// How far apart two words are, for "did you mean".
enum EditDistance {
    /// The candidate that needs the fewest changes, or `nil` when none is near enough to be meant.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let distances = candidates.map { ($0, between(word.lowercased(), $0.lowercased())) }
        guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= max(2, word.count / 3) else { return nil }
        return best.0
    }

    /// Insertions, removals and replacements that turn one word into the other.
    static func between(_ first: String, _ second: String) -> Int {
        let columns = Array(second)
        var row = Array(0...columns.count)
        for (index, character) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in columns.indices {
                let replaced = diagonal + (columns[column] == character ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[columns.count]
    }
}
