import LinuxSystem
import Settings
import SystemPackage

/// The checks of a recipe's values, so that a mistake is found before anything is downloaded.
struct RecipeReader {
    let file: SettingsFile

    /// A required word that becomes part of addresses and paths.
    func name(_ key: String, example: String) throws(SettingsError) -> String {
        let value = try file.requiredString(key, in: "Image", example: example)
        return try check(key, value, Self.isName, "use letters, digits, '.', '_' and '-'")
    }

    /// A list of such words.
    func names(_ key: String, default fallback: [String]) throws(SettingsError) -> [String] {
        let words = try file.words(key, in: "Image") ?? fallback
        if words.isEmpty { throw SettingsError(file.place(of: key, in: "Image"), "\(key)= is empty") }
        for word in words { _ = try check(key, word, Self.isName, "use letters, digits, '.', '_' and '-'") }
        return words
    }

    func pockets() throws(SettingsError) -> [String] {
        let words = try file.words("Pockets", in: "Image") ?? []
        for word in words where !["updates", "security"].contains(word) {
            throw wrong("Pockets", word, "allowed are updates, security, or nothing for the main archive alone")
        }
        return words
    }

    func mirrors(_ key: String, default fallback: String) throws(SettingsError) -> [String] {
        let words = try file.words(key, in: "Image") ?? [fallback]
        if words.isEmpty { throw SettingsError(file.place(of: key, in: "Image"), "\(key)= is empty") }
        for word in words {
            let known = ["http://", "https://", "file:///"].contains { word.hasPrefix($0) }
            if !known || word.contains(where: { $0 == " " || $0 == "[" || $0 == "]" }) {
                throw wrong(key, word, "write an http, https or file address")
            }
        }
        return words
    }

    func absolutePath(_ key: String, default fallback: String) throws(SettingsError) -> FilePath {
        let value = file.string(key, in: "Image") ?? fallback
        return FilePath(try check(key, value, { $0.hasPrefix("/") && !$0.contains(" ") }, "write an absolute path"))
    }

    /// The options that are chosen, each a folder in the recipe's `options/`.
    func options(in folder: FilePath) throws(SettingsError) -> [String] {
        let words = try file.words("Options", in: "Image") ?? []
        for word in words {
            _ = try check("Options", word, Self.isName, "use letters, digits, '.', '_' and '-'")
            guard Files.isFolder(folder.appending("options/\(word)")) else {
                throw wrong("Options", word, "the recipe has no folder options/\(word)")
            }
        }
        return words
    }

    /// A folder, relative to the recipe's when it is not absolute; `nil` when it is not set.
    func folder(_ key: String, in recipe: FilePath) throws(SettingsError) -> FilePath? {
        guard let value = file.string(key, in: "Image") else { return nil }
        return recipe.pushing(FilePath(value)).lexicallyNormalized()
    }

    func packages() throws(SettingsError) -> [String] {
        let words = try file.words("Packages", in: "Image") ?? []
        if words.isEmpty {
            let place = file.place(of: "Packages", in: "Image")
            throw SettingsError(place, "[Image] needs Packages=", advice: "a host needs at least a kernel and systemd")
        }
        // A word that begins with '-' or holds ',' or '?' means something else to the package tool.
        for word in words { _ = try check("Packages", word, Self.isPackage, "write plain package names") }
        return words
    }

    func patterns() throws(SettingsError) -> [String] {
        let words = try file.words("PathExcludes", in: "Image") ?? []
        for word in words {
            let pattern = word.hasPrefix("!") ? word.dropFirst() : word[...]
            _ = try check("PathExcludes", word, { _ in pattern.hasPrefix("/") }, "patterns begin with '/', or '!/'")
        }
        return words
    }

    func setuidFiles() throws(SettingsError) -> [String]? {
        guard let words = try file.words("SetuidFiles", in: "Image") else { return nil }
        for word in words {
            _ = try check("SetuidFiles", word, { $0.hasPrefix("/") && !$0.contains("//") }, "write absolute paths")
        }
        return words
    }

    /// What the initramfs is made of; `nil` when `Initramfs=` names no program to start with.
    func initramfs() throws(SettingsError) -> InitramfsPlan? {
        guard file.string("Initramfs", in: "Image") != nil else { return nil }
        var plan = InitramfsPlan(start: try absolutePath("Initramfs", default: "").string)
        plan.modules = try moduleNames("InitramfsModules")
        plan.optionalModules = try moduleNames("InitramfsOptionalModules")
        plan.programs = try file.words("InitramfsPrograms", in: "Image") ?? []
        for word in plan.programs {
            _ = try check(
                "InitramfsPrograms", word, { $0.hasPrefix("/") && !$0.contains("//") }, "write absolute paths")
        }
        plan.limit = try file.integer("InitramfsLimit", in: "Image", within: 1...1024, default: 8) << 20
        return plan
    }

    private func moduleNames(_ key: String) throws(SettingsError) -> [String] {
        let words = try file.words(key, in: "Image") ?? []
        for word in words { _ = try check(key, word, Self.isName, "write names as modprobe knows them") }
        return words
    }

    /// The rules of releases, checked here so that a build is not in vain.
    func channel() throws(SettingsError) -> String {
        let value = try file.requiredString("Channel", in: "Image", example: "lean-host/stable")
        let parts = value.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        _ = try check(
            "Channel", value, { _ in parts.count <= 8 && parts.allSatisfy(Self.isName) },
            "write at most eight names with '/' between them, such as lean-host/stable")
        _ = try check(
            "Channel", value, { _ in !parts.contains { Self.architectures.contains($0) } },
            "leave the architecture out, it is added to the channel's ref")
        return try check(
            "Channel", value, { _ in !["ostree", "hostctl"].contains(parts[0]) },
            "begin with another name, these are taken by ostree and hostctl")
    }

    func version() throws(SettingsError) -> String? {
        guard let value = file.string("Version", in: "Image") else { return nil }
        return try check(
            "Version", value, { Self.isName($0) && $0 != "index" }, "use at most 64 letters, digits, '.', '_' and '-'")
    }

    /// As `uname -m` says them.
    static let architectures = ["x86_64", "aarch64"]

    private func check(
        _ key: String, _ value: String, _ isAllowed: (String) -> Bool, _ advice: String
    ) throws(SettingsError) -> String {
        if isAllowed(value) { return value }
        throw wrong(key, value, advice)
    }

    private func wrong(_ key: String, _ value: String, _ advice: String) -> SettingsError {
        SettingsError(file.place(of: key, in: "Image"), "\(key)= cannot be '\(value)'", advice: advice)
    }

    /// Safe as one part of a path: begins with a letter or a digit, and is not too long.
    private static func isName(_ word: String) -> Bool {
        guard word.utf8.count <= 64, let first = word.utf8.first, isAlphanumeric(first) else { return false }
        return word.utf8.allSatisfy { isAlphanumeric($0) || [UInt8(ascii: "."), 0x5F, 0x2D].contains($0) }
    }

    /// Debian's package names, with an architecture after a colon where someone wants it.
    private static func isPackage(_ word: String) -> Bool {
        guard let first = word.utf8.first, isAlphanumeric(first) else { return false }
        let others = Array("+-.:".utf8)
        return word.utf8.allSatisfy { isAlphanumeric($0) || others.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
