extension String {
    /// The text fit for a message: at most 64 characters, and nothing in it that a terminal would obey.
    ///
    /// Text out of a document that is not trusted yet may come from an attacker.
    public var printable: String {
        let shown = unicodeScalars.prefix(64).map { scalar -> Character in
            (0x20...0x7E).contains(scalar.value) ? Character(scalar) : "?"
        }
        return String(shown) + (unicodeScalars.count > 64 ? "..." : "")
    }
}
