import LinuxSystem
import SystemPackage
import TrustMetadata

/// One change that was made, for `hostctl history`.
public struct HistoryEntry: Sendable, Equatable {
    /// What was done.
    public enum Action: String, Sendable { case install, deploy, rollback, pin, unpin }

    /// When: seconds since 1970.
    public var time: Int64
    /// By what command.
    public var command: String
    /// What was done.
    public var action: Action
    /// The deployment it was done to, as `<stateroot>/<checksum>.<serial>`.
    public var deployment: String
    /// Its version, if it has one.
    public var version: String?

    public init(time: Int64, command: String, action: Action, deployment: String, version: String?) {
        self.time = time
        self.command = command
        self.action = action
        self.deployment = deployment
        self.version = version
    }

    var json: JSONValue {
        .known([
            "format": 1, "time": .integer(time), "command": .string(command), "action": .string(action.rawValue),
            "deployment": .string(deployment), "version": JSONValue(version),
        ])
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        try fields.requireFormat(1)
        let action = try fields.string("action")
        guard let known = Action(rawValue: action) else { throw fields.malformed("'\(action)' is no action") }
        try self.init(
            time: fields.integer("time"), command: fields.string("command"), action: known,
            deployment: fields.string("deployment"), version: fields.optionalString("version"))
    }
}

/// The changes that were made, oldest first: the file `history.jsonl`, an entry on each line.
public struct History {
    /// So many entries are kept.
    public static let limit = 500

    let path: FilePath

    public init(_ paths: SysrootPaths) { path = paths.state.appending("history.jsonl") }

    /// The entries that can be read; damaged lines are left out.
    ///
    /// - Throws: `SystemError`.
    public func entries() throws -> [HistoryEntry] {
        try lines().compactMap { Self.entry($0) }
    }

    /// Adds an entry, and drops the oldest ones beyond the limit, in one durable step.
    ///
    /// - Throws: `SystemError`.
    public func add(_ entry: HistoryEntry) throws {
        let kept = try lines().suffix(Self.limit - 1) + [ArraySlice(entry.json.encode())]
        try Files.replace(path, with: kept.flatMap { $0 + [UInt8(ascii: "\n")] }, mode: 0o600)
    }

    /// - Throws: `SystemError`; `SysrootError.damagedState` for a line that cannot be read.
    func requireReadable() throws {
        for (number, line) in try lines().enumerated() where Self.entry(line) == nil {
            throw SysrootError.damagedState(path: path.string, detail: "line \(number + 1) is no entry")
        }
    }

    /// Leaves out the lines that cannot be read.
    func dropUnreadable() throws {
        let kept = try lines().filter { Self.entry($0) != nil }
        try Files.replace(path, with: kept.flatMap { $0 + [UInt8(ascii: "\n")] }, mode: 0o600)
    }

    private static func entry(_ line: ArraySlice<UInt8>) -> HistoryEntry? {
        do throws(TrustMetadataError) {
            return try HistoryEntry(JSONFields(strict: Array(line), what: "a line of the history"))
        } catch {
            return nil
        }
    }

    private func lines() throws -> [ArraySlice<UInt8>] {
        try Files.readIfPresent(path, limit: 16 << 20)?.split(separator: UInt8(ascii: "\n")) ?? []
    }
}
