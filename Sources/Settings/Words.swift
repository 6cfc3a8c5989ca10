/// Splitting a value into words as systemd does: quotes group and vanish, a backslash escapes.
enum Words {
    /// - Throws: `SettingsError` for a quote that is not closed or a backslash that escapes nothing.
    static func split(_ value: String, place: String) throws(SettingsError) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var escaped = false
        for character in value {
            if escaped {
                word = (word ?? "") + String(character)
                escaped = false
            } else if character == "\\" {
                escaped = true
            } else if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if character.isWhitespace {
                if let finished = word { words.append(finished) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let quote { throw SettingsError(place, "the quote \(quote) is not closed") }
        if escaped { throw SettingsError(place, "a backslash at the end escapes nothing") }
        if let word { words.append(word) }
        return words
    }
}
