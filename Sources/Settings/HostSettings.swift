import LinuxSystem
public import SystemPackage

/// A host's own settings: hostctl.conf and its drop-ins, validated.
///
/// The first of `/etc/hostctl/hostctl.conf`, `/run/…` and `/usr/lib/…` is read, then the drop-ins of
/// `hostctl.conf.d` in all three, in the byte order of their names; of two with one name that in /etc counts, then
/// that in /run. Unknown keys are ignored with a warning, values that cannot be meant are errors.
public struct HostSettings: Sendable {
    /// `[Upgrade] Policy=`.
    public var policy = UpdatePolicy.check
    /// `[Network]`.
    public var network = NetworkSettings()
    /// `[Health]`.
    public var health = HealthSettings()
    /// What was ignored.
    public var warnings: [SettingsError] = []
    /// The root folder that paths in the settings start from.
    public var root: FilePath

    /// The settings of a host that has no file.
    public init(root: FilePath = "/") { self.root = root }

    private static let schema = SettingsSchema(
        [
            "Upgrade": ["Policy"], NetworkSettings.section: NetworkSettings.keys,
            HealthSettings.section: HealthSettings.keys,
        ], unknown: .warned)

    /// Reads the settings below a root folder: `/`, or that of a deployment.
    ///
    /// - Throws: `SettingsError` with file and line, `SystemError`.
    public init(below root: FilePath) throws {
        let folders = ["usr/lib", "run", "etc"].map { root.appending($0).appending("hostctl") }
        let files = folders.map { $0.appending("hostctl.conf") }
        let main = files.last(where: Files.exists) ?? files[2]
        try self.init(
            SettingsFile(
                reading: main, required: false, dropIns: folders.map { $0.appending("hostctl.conf.d") },
                schema: Self.schema),
            root: root)
    }

    /// - Throws: `SettingsError`.
    init(_ file: SettingsFile, root: FilePath = "/") throws(SettingsError) {
        self.root = root
        warnings = file.warnings
        let word = try file.choice(
            "Policy", in: "Upgrade", from: UpdatePolicy.allCases.map(\.rawValue), default: UpdatePolicy.check.rawValue)
        policy = UpdatePolicy(rawValue: word) ?? .check
        network = try NetworkSettings(file)
        health = try HealthSettings(file)
    }
}
