public import SystemPackage

/// Typed values; each getter says what is allowed when a value is not.
extension SettingsFile {
    /// The last value, or `nil` when it is not set or was emptied.
    public func string(_ key: String, in section: String) -> String? {
        guard let last = assignments(of: key, in: section).last, !last.value.isEmpty else { return nil }
        return last.value
    }

    /// Where the value that counts was set, as `FILE:LINE`; the file itself when it was not.
    public func place(of key: String, in section: String) -> String {
        assignments(of: key, in: section).last?.place ?? mainPlace
    }

    /// A value that must be there.
    ///
    /// - Parameter example: a value for the advice.
    /// - Throws: `SettingsError`.
    public func requiredString(_ key: String, in section: String, example: String) throws(SettingsError) -> String {
        if let value = string(key, in: section) { return value }
        throw SettingsError(
            place(of: key, in: section), "[\(section)] needs \(key)=", advice: "for example \(key)=\(example)")
    }

    /// One of a few words; `fallback` when it is not set.
    ///
    /// - Throws: `SettingsError` for another word.
    public func choice(
        _ key: String, in section: String, from allowed: [String], default fallback: String
    ) throws(SettingsError) -> String {
        guard let value = string(key, in: section) else { return fallback }
        if allowed.contains(value) { return value }
        throw wrong(key, in: section, value, advice: "allowed are \(allowed.joined(separator: ", "))")
    }

    /// yes, true, on, 1 or no, false, off, 0, in any case; `fallback` when it is not set.
    ///
    /// - Throws: `SettingsError` for anything else.
    public func boolean(_ key: String, in section: String, default fallback: Bool) throws(SettingsError) -> Bool {
        guard let value = string(key, in: section) else { return fallback }
        switch value.lowercased() {
        case "yes", "true", "on", "1", "y", "t": return true
        case "no", "false", "off", "0", "n", "f": return false
        default: throw wrong(key, in: section, value, advice: "write yes or no")
        }
    }

    /// A whole number in a range; `fallback` when it is not set.
    ///
    /// - Throws: `SettingsError` for anything else.
    public func integer(
        _ key: String, in section: String, within range: ClosedRange<Int64>, default fallback: Int64
    ) throws(SettingsError) -> Int64 {
        guard let value = string(key, in: section) else { return fallback }
        if let number = Int64(value), range.contains(number) { return number }
        throw wrong(
            key, in: section, value, advice: "write a whole number from \(range.lowerBound) to \(range.upperBound)")
    }

    /// A length of time in whole seconds, in a range; `fallback` when it is not set.
    ///
    /// - Throws: `SettingsError` for anything else.
    public func seconds(
        _ key: String, in section: String, within range: ClosedRange<Int64>, default fallback: Int64
    ) throws(SettingsError) -> Int64 {
        guard let value = string(key, in: section) else { return fallback }
        if let seconds = TimeSpan.seconds(value), range.contains(seconds) { return seconds }
        throw wrong(
            key, in: section, value,
            advice: "write a time from \(range.lowerBound) to \(range.upperBound) seconds, such as 30s or 2min")
    }

    /// An absolute path; `nil` when it is not set.
    ///
    /// - Throws: `SettingsError` for a relative one.
    public func path(_ key: String, in section: String) throws(SettingsError) -> FilePath? {
        guard let value = string(key, in: section) else { return nil }
        let path = FilePath(value)
        if path.isAbsolute { return path }
        throw wrong(key, in: section, value, advice: "write an absolute path")
    }

    /// The words of all assignments since the last empty one; `nil` when there is no assignment at all.
    ///
    /// Words are separated by white space. Single and double quotes keep a word together and are removed; a
    /// backslash makes the next character an ordinary one.
    /// - Throws: `SettingsError` for a quote that is not closed.
    public func words(_ key: String, in section: String) throws(SettingsError) -> [String]? {
        let all = assignments(of: key, in: section)
        if all.isEmpty { return nil }
        let start = all.lastIndex { $0.value.isEmpty } ?? all.startIndex
        var words: [String] = []
        for assignment in all[start...] {
            words += try Words.split(assignment.value, place: "\(assignment.place)")
        }
        return words
    }

    private func wrong(_ key: String, in section: String, _ value: String, advice: String) -> SettingsError {
        SettingsError(place(of: key, in: section), "\(key)= cannot be '\(value)'", advice: advice)
    }
}
