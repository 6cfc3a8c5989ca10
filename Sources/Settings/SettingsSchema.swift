/// What a settings file may contain: the keys of each section.
///
/// Everything else is an error, or at least a warning: a misspelt key that is silently ignored costs an operator a day.
public struct SettingsSchema: Sendable {
    /// What becomes of sections and keys that are not known.
    public enum Unknown: Sendable {
        /// The file is refused.
        case refused
        /// They are ignored with a warning, as systemd does; those that start with `X-` without one. For files that an
        /// older version, after a rollback, has to read, too.
        case warned
    }

    /// The keys of a section, in the order in which messages list them.
    let sections: [(name: String, keys: [String])]
    let unknown: Unknown

    /// - Parameter sections: each section's name and its keys.
    public init(_ sections: KeyValuePairs<String, [String]>, unknown: Unknown = .refused) {
        self.sections = sections.map { ($0.key, $0.value) }
        self.unknown = unknown
    }

    /// Refuses a section that is not known.
    func check(section: String, place: String) throws(SettingsError) {
        let names = sections.map(\.name)
        if names.contains(section) { return }
        throw SettingsError(place, "the section [\(section)] is not known", advice: Self.advice(section, among: names))
    }

    /// Refuses a key that its section does not have.
    func check(key: String, in section: String, place: String) throws(SettingsError) {
        let keys = sections.first { $0.name == section }?.keys ?? []
        if keys.contains(key) { return }
        throw SettingsError(place, "[\(section)] has no key '\(key)'", advice: Self.advice(key, among: keys))
    }

    /// Names the nearest allowed word when one is near, and all of them otherwise.
    private static func advice(_ word: String, among allowed: [String]) -> String {
        if let nearest = EditDistance.nearest(to: word, among: allowed) { return "did you mean '\(nearest)'?" }
        return "allowed are \(allowed.joined(separator: ", "))"
    }
}
