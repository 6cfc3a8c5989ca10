import Glibc
import LinuxSystem
import SystemPackage
import TrustMetadata

/// Why the last change failed: the file `failure.json`, so that `status` still tells it after a reboot.
public struct FailureRecord: Sendable, Equatable {
    /// When it failed: seconds since 1970.
    public var time: Int64
    /// The command, as `hostctl upgrade`.
    public var command: String
    /// One sentence, as it was printed.
    public var reason: String
    /// What to do next, if the reason does not say it.
    public var advice: String?

    public init(time: Int64, command: String, reason: String, advice: String? = nil) {
        self.time = time
        self.command = command
        self.reason = reason
        self.advice = advice
    }

    /// From an error, at this moment.
    public init(command: String, error: any Error) {
        let explained = error as? any ExplainedError
        self.init(
            time: Int64(Glibc.time(nil)), command: command, reason: explained?.reason ?? "\(error)",
            advice: explained?.advice)
    }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("failure.json") }

    /// Reads the file; `nil` when the last change succeeded.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> FailureRecord? {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in try FailureRecord(fields) }
    }

    /// Replaces the file in one durable step.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try StateFile(path: Self.path(in: paths)).write(.object([(key: "format", value: 1)] + (json.object ?? [])))
    }

    /// Removes the file: the last change succeeded.
    ///
    /// - Throws: `SystemError`.
    public static func clear(_ paths: SysrootPaths) throws { try Files.remove(path(in: paths)) }
}
