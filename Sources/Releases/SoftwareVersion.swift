/// hostctl's own version: numbers with dots between them, compared number by number.
struct SoftwareVersion: Comparable {
    private let numbers: [Int]

    /// `nil` unless it is one to four numbers; what follows a `-` (a test build's mark) is not compared.
    init?(_ text: String) {
        let release = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
        let parts = release.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in
            part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(part) : nil
        }
        guard numbers.count == parts.count, (1...4).contains(numbers.count) else { return nil }
        self.numbers = numbers + Array(repeating: 0, count: 4 - numbers.count)
    }

    static func < (left: Self, right: Self) -> Bool { left.numbers.lexicographicallyPrecedes(right.numbers) }
}
