/// Orders versions by their parts: runs of digits as numbers, everything else as text.
struct VersionOrder: Comparable {
    private let parts: [Substring]

    init(_ text: String) {
        var parts: [Substring] = []
        var rest = text[...]
        while let first = rest.first {
            let part = rest.prefix { $0.isWholeNumber == first.isWholeNumber }
            parts.append(part)
            rest = rest.dropFirst(part.count)
        }
        self.parts = parts
    }

    static func < (left: Self, right: Self) -> Bool {
        for (mine, theirs) in zip(left.parts, right.parts) where mine != theirs {
            guard let mine = Int(mine), let theirs = Int(theirs) else { return mine < theirs }
            if mine != theirs { return mine < theirs }
        }
        return left.parts.count < right.parts.count
    }
}
