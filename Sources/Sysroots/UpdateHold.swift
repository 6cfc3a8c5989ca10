import LinuxSystem
import SystemPackage
public import TrustMetadata

/// The operator's wish that nothing is updated automatically for a while: the file `hold.json`.
public struct UpdateHold: Sendable, Equatable {
    /// When it began: seconds since 1970.
    public var since: Int64
    /// When it ends by itself; `nil` for never.
    public var until: Int64?
    /// In the operator's words.
    public var reason: String?

    public init(since: Int64, until: Int64? = nil, reason: String? = nil) {
        self.since = since
        self.until = until
        self.reason = reason
    }

    /// Whether it still counts.
    public func isActive(at time: Int64) -> Bool { until.map { time < $0 } ?? true }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("hold.json") }

    /// Reads the file, whether it still counts or not; `nil` when there is none.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> UpdateHold? {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in try UpdateHold(fields) }
    }

    /// Replaces the file in one durable step.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try Files.makeFolder(paths.state)
        try StateFile(path: Self.path(in: paths)).write(.object([(key: "format", value: 1)] + (json.object ?? [])))
    }

    /// Removes the file.
    ///
    /// - Throws: `SystemError`.
    public static func clear(_ paths: SysrootPaths) throws { try Files.remove(path(in: paths)) }

    /// As it stands in the file and in `status --json`.
    public var json: JSONValue {
        .known(["since": .integer(since), "until": JSONValue(until), "reason": JSONValue(reason)])
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        try self.init(
            since: fields.integer("since"), until: fields.optionalInteger("until"),
            reason: fields.optionalString("reason"))
    }
}
