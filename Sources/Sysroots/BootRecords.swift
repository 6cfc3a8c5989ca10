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
    /// Why the boot of a deployment that was still on trial failed, until it is good or has no tries any more.
    public var failing: FailedBoot?
    /// The boot, as the kernel names it, in which the loader was replaced: its fallback waits for another one.
    public var loaderReplacedIn: String?
    /// The newest release of each channel that has proved itself here, the one that was raised last at the end.
    public private(set) var floors: [Floor] = []

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
        /// The last one of them, as the kernel names it.
        public var boot: String?

        public init(deployment: DeploymentName, time: Int64, reason: String, count: Int = 1, boot: String? = nil) {
            self.boot = boot
            self.deployment = deployment
            self.time = time
            self.reason = reason
            self.count = count
        }
    }

    /// The newest release of a channel that has proved itself: an older one of the same channel is not taken any more. What
    /// another channel has is not comparable.
    public struct Floor: Sendable, Equatable {
        public let channel: String
        public let version: String
        /// When its commit was made, which is what orders releases: seconds since 1970. The host's clock does not count.
        public let timestamp: Int64
    }

    /// More are not kept; the oldest go first.
    public static let mostBad = 50
    /// More are not kept; the one that was raised longest ago goes first.
    public static let mostFloors = 16

    public init() {}

    /// What is known about a commit, if it is bad.
    public func bad(_ commit: Checksum) -> BadRelease? { bad.last { $0.commit == commit } }

    /// Why a deployment is not to be booted again, if it is not: its release is bad, or it alone.
    public func reasonAgainst(_ name: DeploymentName) -> String? {
        bad(name.checksum)?.reason ?? badDeployments.last { $0.name == name }?.reason
    }

    /// The newest release of a channel that has proved itself here, if one has.
    public func floor(of channel: String) -> Floor? { floors.last { $0.channel == channel } }

    /// Remembers that a deployment's release has proved itself, unless a newer one of its channel has. One whose commit
    /// cannot be read tells no time, and raises nothing.
    public mutating func raiseFloor(to record: DeploymentRecord) {
        guard let channel = record.channel, let version = record.version, let timestamp = record.timestamp,
            timestamp > floor(of: channel)?.timestamp ?? -1
        else { return }
        setFloor(Floor(channel: channel, version: version, timestamp: timestamp))
    }

    /// Follows an operator who takes an older release on purpose: what comes after that one is taken by itself again, as
    /// from an origin that was made anew, or after a release whose time lay in the future. One that is no older changes
    /// nothing.
    public mutating func lowerFloor(of channel: String, to version: String, timestamp: Int64) {
        guard let floor = floor(of: channel), timestamp < floor.timestamp else { return }
        setFloor(Floor(channel: channel, version: version, timestamp: timestamp))
    }

    /// Forgets a floor whose release turned out to be bad: what it replaced may be offered again.
    public mutating func dropFloor(of record: DeploymentRecord) {
        floors.removeAll { $0.channel == record.channel && $0.timestamp == record.timestamp }
    }

    private mutating func setFloor(_ floor: Floor) {
        floors.removeAll { $0.channel == floor.channel }
        floors.append(floor)
        floors.removeFirst(max(floors.count - Self.mostFloors, 0))
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
            "floors": floors.isEmpty ? .null : .array(floors.map(\.json)),
        ])
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        self.init()
        good = try fields.optionalString("good").flatMap { DeploymentName(text: $0) }
        if fields.has("bad") { bad = try BadRelease.list(fields) }
        if fields.has("bad-deployments") { badDeployments = try BadDeployment.list(fields) }
        failing = try fields.has("failing") ? FailedBoot(fields.fields("failing")) : nil
        loaderReplacedIn = try fields.optionalString("loader-replaced-in")
        if fields.has("floors") { floors = try Floor.list(fields) }
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

extension BootRecords.Floor {
    fileprivate var json: JSONValue {
        ["channel": .string(channel), "version": .string(version), "timestamp": .integer(timestamp)]
    }

    fileprivate static func list(_ fields: JSONFields) throws(TrustMetadataError) -> [BootRecords.Floor] {
        var list: [BootRecords.Floor] = []
        for member in try fields.objects("floors") {
            list.append(
                .init(
                    channel: try member.string("channel"), version: try member.string("version"),
                    timestamp: try member.integer("timestamp")))
        }
        return list
    }
}

extension BootRecords.FailedBoot {
    fileprivate var json: JSONValue {
        .known([
            "deployment": .string(deployment.description), "time": .integer(time), "reason": .string(reason),
            "count": .integer(Int64(count)), "boot": JSONValue(boot),
        ])
    }

    fileprivate init(_ fields: JSONFields) throws(TrustMetadataError) {
        guard let name = DeploymentName(text: try fields.string("deployment")) else {
            throw fields.malformed("what fails is no deployment")
        }
        try self.init(
            deployment: name, time: fields.integer("time"), reason: fields.string("reason"),
            count: Int(clamping: fields.optionalInteger("count") ?? 1), boot: fields.optionalString("boot"))
    }
}
