public import TrustMetadata

/// One change that was made, or that failed, for `hostctl history`.
public struct HistoryEntry: Sendable, Equatable {
    /// What was done.
    public enum Action: String, Sendable {
        case install, deploy, rollback, pin, unpin, failure
        /// Made, to be switched to when the host shuts down.
        case stage
        /// Switched to, while the host shut down.
        case finalize
        /// Passed its health checks, or was marked by hand.
        case good
        /// Did not come up, or was marked by hand; `reason` tells.
        case bad
    }

    /// When: seconds since 1970.
    public var time: Int64
    /// By what command.
    public var command: String
    /// What was done.
    public var action: Action
    /// The deployment it was done to, as `<stateroot>/<checksum>.<serial>`; `nil` for a failure.
    public var deployment: String?
    /// Its version, if it has one.
    public var version: String?
    /// Why it failed: one sentence without a full stop.
    public var reason: String?
    /// How often in a row it has failed so; `time` is that of the last one.
    public var count: Int64 = 1

    /// A change.
    public init(time: Int64, command: String, action: Action, deployment: String?, version: String?) {
        self.time = time
        self.command = command
        self.action = action
        self.deployment = deployment
        self.version = version
    }

    /// A failure; passwords in addresses are left out, as everyone may read the history.
    public init(_ failure: FailureRecord) {
        self.init(time: failure.time, command: failure.command, action: .failure, deployment: nil, version: nil)
        reason = StatusFile.withoutPasswords(in: failure.reason)
    }

    /// Whether this is the same failure again.
    func repeats(_ other: HistoryEntry) -> Bool {
        action == .failure && other.action == .failure && command == other.command && reason == other.reason
    }
}

extension HistoryEntry {
    /// Without what does not apply; docs/disk-format.md describes it.
    public var json: JSONValue {
        .known([
            "format": 1, "time": .integer(time), "command": .string(command), "action": .string(action.rawValue),
            "deployment": JSONValue(deployment), "version": JSONValue(version), "reason": JSONValue(reason),
            "count": JSONValue(count > 1 ? count : nil),
        ])
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        try fields.requireFormat(1)
        let action = try fields.string("action")
        guard let known = Action(rawValue: action) else { throw fields.malformed("'\(action)' is no action") }
        try self.init(
            time: fields.integer("time"), command: fields.string("command"), action: known,
            deployment: known == .failure ? nil : fields.string("deployment"),
            version: fields.optionalString("version"))
        reason = try fields.optionalString("reason")
        count = try fields.optionalInteger("count") ?? 1
    }
}
