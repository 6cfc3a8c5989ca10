/// The paths of entries, as the names that lead from the root of a tree to one place in it.
public enum TarPath {
    /// The names; none for the root itself.
    ///
    /// `./` may stand in front and a slash at the end, as tar writes them. Everything else that does not name one place
    /// below the root is refused: an absolute path, `.`, `..` and empty names, NUL, and names over 255 bytes.
    ///
    /// - Returns: `nil` for such a path, and for one that is not UTF-8.
    public static func names(_ path: [UInt8]) -> [String]? {
        guard path.first != slash, !path.contains(0), !path.isEmpty else { return nil }
        var parts = path.split(separator: slash, omittingEmptySubsequences: false)
        if parts.first?.elementsEqual([dot]) == true { parts.removeFirst() }
        if parts.last?.isEmpty == true { parts.removeLast() }
        var names: [String] = []
        names.reserveCapacity(parts.count)
        for part in parts {
            guard !part.isEmpty, part.count <= 255, !part.elementsEqual([dot]), !part.elementsEqual([dot, dot]),
                let name = String(validating: part, as: UTF8.self)
            else { return nil }
            names.append(name)
        }
        return names
    }

    /// For messages: what is not UTF-8 or not printable is shown as such.
    public static func text(_ path: [UInt8]) -> String {
        let text = String(decoding: path.prefix(512), as: UTF8.self)
        return String(text.map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 } ? "?" : $0 })
    }

    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")
}
