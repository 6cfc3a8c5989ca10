public import LinuxSystem
import SystemPackage
public import TrustMetadata

/// What the last automatic update came to: the file `auto-update.json`.
public struct AutomaticRun: Sendable, Equatable {
    /// How it ended; the raw values are part of the JSON format.
    public enum Result: String, Sendable, CaseIterable {
        /// The policy is that nothing happens. Never written to the file.
        case off
        /// The operator has asked for a pause.
        case held
        /// There is nothing newer.
        case unchanged
        /// There is a release, and the policy is to report it.
        case available
        case downloaded
        case deployed
        /// The newest release is one that was rolled back from, so it is not deployed again unasked.
        case rolledBack = "rolled-back"
        /// The newest release did not come up on this host once, so it is not deployed again unasked.
        case bad = "known-bad"
        /// Deployed, and the host was asked to restart.
        case restarting
        /// Deployed, and somebody who is logged in or holds a lock keeps the host from restarting.
        case postponed
        /// The host was restarted for this release, and another one runs: restarting again would go round in a circle.
        case notBooted = "not-booted"
        case failed
    }

    /// When it ended: seconds since 1970.
    public var time: Int64
    /// The policy, as in hostctl.conf.
    public var policy: String
    public var result: Result
    /// The newest release's version, when it is known.
    public var version: String?
    /// Why it failed, was held or postponed.
    public var detail: String?
    /// The kind of failure.
    public var category: FailureCategory?

    public init(
        time: Int64, policy: String, result: Result, version: String? = nil, detail: String? = nil,
        category: FailureCategory? = nil
    ) {
        self.time = time
        self.policy = policy
        self.result = result
        self.version = version
        self.detail = detail
        self.category = category
    }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("auto-update.json") }

    /// Reads the file; `nil` when there was no run, or one that only a later hostctl could have made.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> AutomaticRun? {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in
            try AutomaticRun(known: fields)
        } ?? nil
    }

    /// Replaces the file in one durable step.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try Files.makeFolder(paths.state)
        try StateFile(path: Self.path(in: paths)).write(.object([(key: "format", value: 1)] + (json.object ?? [])))
    }

    /// As it stands in the file and in `status --json`.
    public var json: JSONValue {
        .known([
            "time": .integer(time), "policy": .string(policy), "result": .string(result.rawValue),
            "version": JSONValue(version), "detail": JSONValue(detail), "category": JSONValue(category?.rawValue),
        ])
    }

    /// `nil` for a result that is not known.
    init?(known fields: JSONFields) throws(TrustMetadataError) {
        guard let result = Result(rawValue: try fields.string("result")) else { return nil }
        try self.init(
            time: fields.integer("time"), policy: fields.string("policy"), result: result,
            version: fields.optionalString("version"), detail: fields.optionalString("detail"),
            category: fields.optionalString("category").flatMap(FailureCategory.init))
    }
}
