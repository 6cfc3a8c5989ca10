import LinuxSystem
public import SystemPackage

/// A settings file with its drop-ins: systemd's syntax and precedence, checked against a schema.
///
/// A later assignment replaces an earlier one, an empty one goes back to the default; for a list later
/// assignments add to it and an empty one starts it anew. Getters validate and name the line.
public struct SettingsFile: Sendable {
    private let schema: SettingsSchema
    private var name: String
    private var assignments: [SettingsAssignment]
    /// What was ignored, where the schema allows that.
    public private(set) var warnings: [SettingsError]

    /// Reads settings from a text.
    ///
    /// - Parameter place: the file's name, as messages show it before the line number.
    /// - Throws: `SettingsError` with the line.
    public init(parsing text: String, place: String, schema: SettingsSchema) throws(SettingsError) {
        self.schema = schema
        name = place
        (assignments, warnings) = try SettingsParser.parse(text, name: place, schema: schema)
    }

    /// Reads `path`, then the drop-ins `*.conf` in byte order of their names.
    ///
    /// - Parameters:
    ///   - required: whether a missing file is an error; drop-ins may always be missing.
    ///   - dropIns: the folders with drop-ins, lowest precedence first; `PATH.d` by default. A file replaces one
    ///     of the same name in an earlier folder, so that an empty one or a link to /dev/null masks it.
    /// - Throws: `SettingsError` with file and line, `SystemError`.
    public init(
        reading path: FilePath, required: Bool = true, dropIns: [FilePath]? = nil, schema: SettingsSchema
    ) throws {
        let main: String? = required ? try Self.text(of: path) : try Self.textIfPresent(of: path)
        try self.init(parsing: main ?? "", place: path.string, schema: schema)
        for file in try Self.dropInFiles(dropIns ?? [FilePath(path.string + ".d")]) {
            // A link that leads nowhere is ignored, as systemd does, and still masks the file that it has replaced.
            guard let text = try Self.textIfPresent(of: file) else { continue }
            let part = try SettingsParser.parse(text, name: file.string, schema: schema)
            assignments += part.assignments
            warnings += part.warnings
        }
    }

    /// Adds one `KEY=VALUE` as if a last drop-in had it.
    ///
    /// - Parameters:
    ///   - assignment: as typed by the operator.
    ///   - option: the option that it came with, for messages.
    /// - Throws: `SettingsError`.
    public mutating func add(_ assignment: String, section: String, option: String) throws(SettingsError) {
        let place = "\(option) \(assignment)"
        guard let equals = assignment.firstIndex(of: "=") else {
            throw SettingsError(place, "this is not KEY=VALUE", advice: "for example \(option) Suite=bookworm")
        }
        let key = assignment[..<equals].trimmingSpace
        try schema.check(section: section, place: place)
        try schema.check(key: key, in: section, place: place)
        let value = assignment[assignment.index(after: equals)...].trimmingSpace
        assignments.append(SettingsAssignment(section: section, key: key, value: value, place: place))
    }

    /// Each of a section's blocks by itself, for sections that may be repeated, such as `[Removal]`: its settings, as
    /// if the file had no others. Files and blocks in their order.
    public func blocks(of section: String) -> [SettingsFile] {
        var blocks: [SettingsFile] = []
        for assignment in assignments where assignment.section == section {
            if let last = blocks.last?.assignments.last, last.block == assignment.block,
                Self.file(of: last) == Self.file(of: assignment)
            {
                blocks[blocks.count - 1].assignments.append(assignment)
            } else {
                var block = self
                (block.name, block.assignments) = (assignment.place, [assignment])
                blocks.append(block)
            }
        }
        return blocks
    }

    private static func file(of assignment: SettingsAssignment) -> Substring {
        assignment.place.prefix(upTo: assignment.place.lastIndex(of: ":") ?? assignment.place.endIndex)
    }

    /// All assignments of one key, oldest first.
    func assignments(of key: String, in section: String) -> [SettingsAssignment] {
        assignments.filter { $0.key == key && $0.section == section }
    }

    /// Where to write a key that is missing: the file itself.
    var mainPlace: String { name }

    private static func text(of path: FilePath) throws -> String {
        try decode(try Files.read(path, limit: sizeLimit), path)
    }

    private static func textIfPresent(of path: FilePath) throws -> String? {
        try Files.readIfPresent(path, limit: sizeLimit).map { try decode($0, path) }
    }

    private static func decode(_ bytes: [UInt8], _ path: FilePath) throws(SettingsError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let line = bytes.count { $0 == UInt8(ascii: "\n") }
            throw SettingsError(
                path.string, "the file is not UTF-8 text", advice: "it has \(line) lines; check how it was saved")
        }
        return text
    }

    private static func dropInFiles(_ folders: [FilePath]) throws -> [FilePath] {
        var chosen: [String: FilePath] = [:]
        for folder in folders {
            for name in try Files.namesIfPresent(in: folder) where name.hasSuffix(".conf") && !name.hasPrefix(".") {
                chosen[name] = folder.appending(name)
            }
        }
        return chosen.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map(\.value)
    }

    /// More than any settings file written by a person.
    private static let sizeLimit = 1 << 20
}
