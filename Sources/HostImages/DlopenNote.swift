import TrustMetadata

/// What a program says about the libraries that it loads while it runs: a list of JSON objects, each with the names that
/// would do (`soname`) and how much it wants them (`priority`).
enum DlopenNote {
    /// The libraries without which it does not work. A note that cannot be read asks for nothing.
    static func required(_ text: ArraySlice<UInt8>) -> [[String]] {
        let json = text.prefix { $0 != 0 }
        // Only decoration of a program that loads without it: damage here is no reason to refuse an image.
        guard let value = try? JSONValue(strict: Array(json), what: "a note"), let entries = value.array else {
            return []
        }
        return entries.compactMap { entry in
            guard entry["priority"]?.string == "required" else { return nil }
            let names = (entry["soname"]?.array ?? []).compactMap(\.string)
            return names.isEmpty ? nil : names
        }
    }
}
