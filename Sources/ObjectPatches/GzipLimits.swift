/// The measures of deflate (RFC 1951) and of gzip's search.
enum GzipLimits {
    static let windowSize = 32768
    static let mask = windowSize - 1
    static let minimumMatch = 3
    static let maximumMatch = 258
    /// gzip does not look for a match while fewer bytes are there, unless there will be no more.
    static let lookahead = maximumMatch + minimumMatch + 1
    static let maximumDistance = windowSize - lookahead
    /// A match of three bytes from farther away costs more than three literals.
    static let tooFar = 4096
}

/// How long to search: at most `chain` candidates, a quarter of them once a match is `good`; a match of `nice` bytes
/// ends the search; one of `lazy` bytes is taken without looking at the next position.
struct GzipEffort {
    let good: Int
    let lazy: Int
    let nice: Int
    let chain: Int

    private static let efforts: [Int: GzipEffort] = [
        4: GzipEffort(good: 4, lazy: 4, nice: 16, chain: 16), 5: GzipEffort(good: 8, lazy: 16, nice: 32, chain: 32),
        6: GzipEffort(good: 8, lazy: 16, nice: 128, chain: 128),
        7: GzipEffort(good: 8, lazy: 32, nice: 128, chain: 256),
        8: GzipEffort(good: 32, lazy: 128, nice: 258, chain: 1024),
        9: GzipEffort(good: 32, lazy: 258, nice: 258, chain: 4096),
    ]

    /// The effort of a level from 4 to 9; what is outside counts as the nearest.
    static func level(_ level: Int) -> GzipEffort {
        efforts[max(4, min(9, level))] ?? GzipEffort(good: 8, lazy: 16, nice: 128, chain: 128)
    }
}
