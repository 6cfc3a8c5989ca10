import BootLoaders
public import Checksums
import LinuxSystem
import SystemPackage
public import TrustMetadata

/// What became of boots: the file `boots.json`, outside every stateroot, so that whichever deployment runs can tell why
/// another one does not.
public struct BootRecords: Sendable, Equatable {
    /// The deployment of the last boot that passed its health checks.
    public var good: DeploymentName?
    /// Releases that did not come up, oldest first; none is taken again by itself.
    public var bad: [BadRelease] = []
    /// Deployments that did not come up though their release is not to blame: the last good one has the same commit.
    public var badDeployments: [BadDeployment] = []
    /// Why the boot of a deployment that was still on trial failed, until it is good or bad.
    public var failing: FailedBoot?
    /// The boot, as the kernel names it, in which the loader was replaced: its fallback waits for another one.
    public var loaderReplacedIn: String?

    /// A release that did not come up.
    public struct BadRelease: Sendable, Equatable {
        public var commit: Checksum
        public var version: String?
        /// When that was noticed: seconds since 1970.
        public var time: Int64
        /// One sentence without a full stop.
        public var reason: String

        public init(commit: Checksum, version: String?, time: Int64, reason: String) {
            self.commit = commit
            self.version = version
            self.time = time
            self.reason = reason
        }
    }

    /// A deployment that did not come up, whose release did in another one.
    public struct BadDeployment: Sendable, Equatable {
        public var name: DeploymentName
        /// When that was noticed: seconds since 1970.
        public var time: Int64
        /// One sentence without a full stop.
        public var reason: String

        public init(_ name: DeploymentName, time: Int64, reason: String) {
            self.name = name
            self.time = time
            self.reason = reason
        }
    }

    /// A boot that failed and could still tell why.
    public struct FailedBoot: Sendable, Equatable {
        public var deployment: DeploymentName
        /// Seconds since 1970.
        public var time: Int64
        /// One sentence without a full stop.
        public var reason: String
        /// How often in a row.
        public var count: Int

        public init(deployment: DeploymentName, time: Int64, reason: String, count: Int = 1) {
            self.deployment = deployment
            self.time = time
            self.reason = reason
            self.count = count
        }
    }

    /// More are not kept; the oldest go first.
    public static let mostBad = 50

    public init() {}

    /// What is known about a commit, if it is bad.
    public func bad(_ commit: Checksum) -> BadRelease? { bad.last { $0.commit == commit } }

    /// Why a deployment is not to be booted again, if it is not: its release is bad, or it alone.
    public func reasonAgainst(_ name: DeploymentName) -> String? {
        bad(name.checksum)?.reason ?? badDeployments.last { $0.name == name }?.reason
    }

    /// Remembers a bad deployment in the place of what was known of it.
    public mutating func add(_ deployment: BadDeployment) {
        badDeployments.removeAll { $0.name == deployment.name }
        badDeployments.append(deployment)
        badDeployments.removeFirst(max(badDeployments.count - Self.mostBad, 0))
    }

    /// Forgets what is known of a deployment that is gone, as another one gets its name.
    public mutating func forget(_ name: DeploymentName) {
        badDeployments.removeAll { $0.name == name }
        if failing?.deployment == name { failing = nil }
        if good == name { good = nil }
    }

    /// Remembers a bad release in the place of what was known of it.
    public mutating func add(_ release: BadRelease) {
        bad.removeAll { $0.commit == release.commit }
        bad.append(release)
        bad.removeFirst(max(bad.count - Self.mostBad, 0))
    }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("boots.json") }

    /// Reads the file; empty when there is none.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> BootRecords {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in
            try BootRecords(fields)
        } ?? BootRecords()
    }

    /// Replaces the file in one durable step; under the sysroot's lock.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try Files.makeFolder(paths.state)
        try StateFile(path: Self.path(in: paths)).write(.object([(key: "format", value: 1)] + (json.object ?? [])))
    }
}

extension BootRecords {
    /// As docs/disk-format.md has it.
    public var json: JSONValue {
        .known([
            "good": JSONValue(good?.description), "bad": .array(bad.map(\.json)),
            "bad-deployments": badDeployments.isEmpty ? .null : .array(badDeployments.map(\.json)),
            "failing": failing?.json ?? .null,
            "loader-replaced-in": JSONValue(loaderReplacedIn),
        ])
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        self.init()
        good = try fields.optionalString("good").flatMap { DeploymentName(text: $0) }
        if fields.has("bad") { bad = try BadRelease.list(fields) }
        if fields.has("bad-deployments") { badDeployments = try BadDeployment.list(fields) }
        failing = try fields.has("failing") ? FailedBoot(fields.fields("failing")) : nil
        loaderReplacedIn = try fields.optionalString("loader-replaced-in")
    }
}

extension BootRecords.BadRelease {
    var json: JSONValue {
        .known([
            "commit": .string(commit.hex), "version": JSONValue(version), "time": .integer(time),
            "reason": .string(reason),
        ])
    }

    static func list(_ fields: JSONFields) throws(TrustMetadataError) -> [BootRecords.BadRelease] {
        var list: [BootRecords.BadRelease] = []
        for member in try fields.objects("bad") { list.append(try BootRecords.BadRelease(member)) }
        return list
    }

    private init(_ fields: JSONFields) throws(TrustMetadataError) {
        guard let commit = Checksum(hex: try fields.string("commit")) else {
            throw fields.malformed("a commit is no checksum")
        }
        try self.init(
            commit: commit, version: fields.optionalString("version"), time: fields.integer("time"),
            reason: fields.string("reason"))
    }
}

extension BootRecords.BadDeployment {
    fileprivate var json: JSONValue {
        ["deployment": .string(name.description), "time": .integer(time), "reason": .string(reason)]
    }

    fileprivate static func list(_ fields: JSONFields) throws(TrustMetadataError) -> [BootRecords.BadDeployment] {
        var list: [BootRecords.BadDeployment] = []
        for member in try fields.objects("bad-deployments") {
            guard let name = DeploymentName(text: try member.string("deployment")) else {
                throw member.malformed("what is bad is no deployment")
            }
            list.append(.init(name, time: try member.integer("time"), reason: try member.string("reason")))
        }
        return list
    }
}

extension BootRecords.FailedBoot {
    fileprivate var json: JSONValue {
        [
            "deployment": .string(deployment.description), "time": .integer(time), "reason": .string(reason),
            "count": .integer(Int64(count)),
        ]
    }

    fileprivate init(_ fields: JSONFields) throws(TrustMetadataError) {
        guard let name = DeploymentName(text: try fields.string("deployment")) else {
            throw fields.malformed("what fails is no deployment")
        }
        try self.init(
            deployment: name, time: fields.integer("time"), reason: fields.string("reason"),
            count: Int(clamping: fields.optionalInteger("count") ?? 1))
    }
}
