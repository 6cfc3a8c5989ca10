/// Words of GRUB's script language, quoted so that nothing in them means anything to it.
enum GRUBWords {
    /// A word between single quotes. Inside them GRUB knows no metacharacter at all; a single quote itself is put
    /// between double quotes.
    static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\"'\"'") + "'"
    }

    /// A kernel argument as a word for GRUB's `linux`, which puts spaces between double quotes itself and a backslash
    /// before each quote and backslash that it finds, where the kernel would keep it.
    ///
    /// - Returns: `nil` when the kernel would see something else.
    static func word(forArgument argument: String) -> String? {
        var plain = argument
        plain.removeAll { $0 == "\"" }
        guard !plain.isEmpty, canonical(plain) == canonical(argument) else { return nil }
        guard !plain.contains("'"), !plain.contains("\\") else { return nil }
        return quoted(plain)
    }

    /// An argument that GRUB was given as a word, as a command line has it: `name="a value"`.
    static func argument(fromWord word: String) -> String {
        guard word.utf8.contains(where: { $0 == 0x20 || $0 == 0x09 }) else { return word }
        guard let equals = word.firstIndex(of: "="), !word[..<equals].contains(" ") else { return "\"\(word)\"" }
        return "\(word[...equals])\"\(word[word.index(after: equals)...])\""
    }

    /// What the kernel makes of an argument: one pair of quotes around all of it, or around the value, goes away.
    private static func canonical(_ argument: String) -> String {
        var text = Substring(argument)
        if text.hasPrefix("\"") {
            text = text.dropFirst()
            if text.hasSuffix("\"") { text = text.dropLast() }
            return String(text)
        }
        guard let equals = text.firstIndex(of: "=") else { return String(text) }
        var value = text[text.index(after: equals)...]
        if value.hasPrefix("\"") {
            value = value.dropFirst()
            if value.hasSuffix("\"") { value = value.dropLast() }
        }
        return String(text[...equals] + value)
    }

    /// Splits a line of a snippet into words, taking quotes away; `nil` when a quote is not closed.
    static func split(_ line: Substring) -> [String]? {
        var words: [String] = []
        var word: [UInt8]?
        var quote: UInt8?
        var bytes = line.utf8.makeIterator()
        while let byte = bytes.next() {
            switch (byte, quote) {
            case (UInt8(ascii: "'"), nil), (UInt8(ascii: "\""), nil):
                quote = byte
                word = word ?? []
            case (_, .some(byte)): quote = nil
            case (UInt8(ascii: "\\"), .none), (UInt8(ascii: "\\"), UInt8(ascii: "\"")):
                guard let next = bytes.next() else { return nil }
                word = (word ?? []) + [next]
            case (0x20, nil), (0x09, nil):
                if let complete = word { words.append(String(decoding: complete, as: UTF8.self)) }
                word = nil
            default: word = (word ?? []) + [byte]
            }
        }
        if quote != nil { return nil }
        if let complete = word { words.append(String(decoding: complete, as: UTF8.self)) }
        return words
    }
}
