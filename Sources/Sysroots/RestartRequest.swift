import LinuxSystem
import SystemPackage
import TrustMetadata

/// That automatic updates have asked for a restart: the file `restart.json`, which no other result overwrites.
///
/// It is there before systemd is asked, and stays: a host is restarted once for a commit, and whoever finds another
/// boot with something else running knows that the commit did not boot.
public struct RestartRequest: Sendable, Equatable {
    /// The deployment that was to boot.
    public let deployment: DeploymentName
    /// The boot in which it was asked for, as the kernel names it.
    public let boot: String
    /// Whether the commit has been seen running since.
    public var hasBooted: Bool

    public init(deployment: DeploymentName, boot: String, hasBooted: Bool = false) {
        self.deployment = deployment
        self.boot = boot
        self.hasBooted = hasBooted
    }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("restart.json") }

    /// Reads the file; `nil` when no restart was ever asked for.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> RestartRequest? {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in
            let text = try fields.string("deployment")
            guard let name = DeploymentName(lease: "\(DeploymentName.leases)/\(text)") else {
                throw fields.malformed("'\(text)' is no deployment")
            }
            return try RestartRequest(
                deployment: name, boot: fields.string("boot"), hasBooted: fields.bool("booted"))
        }
    }

    /// Replaces the file in one durable step.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try Files.makeFolder(paths.state)
        try StateFile(path: Self.path(in: paths)).write([
            "format": 1, "deployment": .string(deployment.description), "boot": .string(boot),
            "booted": .bool(hasBooted),
        ])
    }

    /// Removes the file.
    ///
    /// - Throws: `SystemError`.
    static func clear(_ paths: SysrootPaths) throws { try Files.remove(path(in: paths)) }
}
