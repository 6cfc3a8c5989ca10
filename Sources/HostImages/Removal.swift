import Settings
import SystemPackage

/// One `[Removal]` of a recipe's `removals.conf`: what an image is made with and does not keep, and why.
struct Removal: Sendable, Equatable {
    /// For whoever asks what became of it; never empty.
    let reason: String
    /// Packages that go with every file and with their record.
    let packages: [String]
    /// Patterns of files and folders that go; their packages stay, and count.
    let paths: [String]
    /// Patterns of what stays although `paths` match it.
    let kept: [String]
    /// `FILE:LINE`.
    let place: String

    /// Reads a recipe's `removals.conf` and its drop-ins; a recipe need not have any.
    ///
    /// - Parameter dropIns: the folders with drop-ins, lowest precedence first.
    /// - Throws: `SettingsError` with file and line, `SystemError`.
    static func read(_ folder: FilePath, dropIns: [FilePath]) throws -> [Removal] {
        let file = try SettingsFile(
            reading: folder.appending("removals.conf"), required: false, dropIns: dropIns, schema: schema)
        return try file.blocks(of: "Removal").map { try Removal($0) }
    }

    private init(_ block: SettingsFile) throws(SettingsError) {
        reason = try block.requiredString("Reason", in: "Removal", example: "only needed while packages are installed")
        place = block.place(of: "Reason", in: "Removal")
        packages = try block.words("Packages", in: "Removal") ?? []
        paths = try block.words("Paths", in: "Removal") ?? []
        kept = try block.words("Keep", in: "Removal") ?? []
        for pattern in paths + kept where !pattern.hasPrefix("/") || pattern.dropFirst().isEmpty {
            throw SettingsError(place, "the pattern '\(pattern)' is not absolute", advice: "patterns begin with '/'")
        }
        if packages.isEmpty && paths.isEmpty {
            throw SettingsError(place, "this [Removal] removes nothing", advice: "add Packages= or Paths=")
        }
    }

    private static let schema = SettingsSchema(["Removal": ["Reason", "Packages", "Paths", "Keep"]])
}
