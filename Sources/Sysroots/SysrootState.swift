import LinuxSystem
import SystemPackage
import TrustMetadata

/// What a sysroot follows: the file `state.json`.
public struct SysrootState: Sendable, Equatable {
    /// The origin's address.
    public var origin: String
    /// The channel, as `lean-host/stable`.
    public var channel: String
    /// The architecture, as `uname -m` says it.
    public var architecture: String

    /// The number of the newest channel index that this host has accepted; an older one is a replay.
    public var sequence: Int64

    public init(origin: String, channel: String, architecture: String, sequence: Int64 = 0) {
        self.sequence = sequence
        self.origin = origin
        self.channel = channel
        self.architecture = architecture
    }

    /// Whether both follow the same channel of the same origin.
    public func follows(_ other: SysrootState) -> Bool {
        origin == other.origin && channel == other.channel && architecture == other.architecture
    }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("state.json") }

    /// Reads the file; `nil` when there is none.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> SysrootState? {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in
            try SysrootState(
                origin: fields.string("origin"), channel: fields.string("channel"),
                architecture: fields.string("architecture"),
                sequence: fields.has("sequence") ? fields.integer("sequence") : 0)
        }
    }

    /// Replaces the file in one durable step.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try StateFile(path: Self.path(in: paths)).write([
            "format": 1, "origin": .string(origin), "channel": .string(channel), "architecture": .string(architecture),
            "sequence": .integer(sequence),
        ])
    }
}
