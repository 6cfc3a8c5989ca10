/// `[Health]`: what a boot has to come to.
public struct HealthSettings: Sendable, Equatable {
    /// Whether the origin has to answer.
    public enum Origin: String, Sendable, CaseIterable {
        /// It is not asked.
        case ignore
        /// It is asked, and a failure is reported.
        case wanted
        /// A host that cannot reach it could not be updated again: that is a failed boot.
        case required
    }

    /// Units that have to be active.
    public var requiredUnits: [String] = []
    /// See the type.
    public var origin = Origin.ignore
    /// Seconds that one check may take.
    public var checkSeconds: Int64 = 60

    /// The settings of a host that has no file.
    public init() {}

    static let section = "Health"
    static let keys = ["RequiredUnits", "Origin", "CheckTimeoutSec"]

    /// - Throws: `SettingsError`.
    init(_ file: SettingsFile) throws(SettingsError) {
        requiredUnits = try file.words("RequiredUnits", in: Self.section) ?? []
        let word = try file.choice(
            "Origin", in: Self.section, from: Origin.allCases.map(\.rawValue), default: Origin.ignore.rawValue)
        origin = Origin(rawValue: word) ?? .ignore
        checkSeconds = try file.seconds("CheckTimeoutSec", in: Self.section, within: 1...3600, default: 60)
    }
}
