import Glibc
import LinuxSystem
import SystemPackage
import TrustMetadata

/// What a factory reset is about to do to /var, and which folders were /var before: the file `reset.json`.
public struct ResetRecord: Sendable, Equatable {
    /// A reset that is not complete.
    public struct Pending: Sendable, Equatable {
        /// The deployment with the pristine /etc. When it is in the list, the reset goes on; when not, it is undone.
        public let target: DeploymentName
        /// The inode of the new /var, by which is told whether the two have changed places.
        public var inode: UInt64
        /// What the old /var is called afterwards, in the stateroot's folder.
        public let former: String
        /// What of the old /var goes into the new one, as paths below it.
        public let keeping: [String]

        public init(target: DeploymentName, inode: UInt64 = 0, former: String, keeping: [String] = []) {
            self.target = target
            self.inode = inode
            self.former = former
            self.keeping = keeping
        }
    }

    /// A folder that was a /var.
    public struct Former: Sendable, Hashable {
        public let stateroot: String
        /// In the stateroot's folder.
        public let name: String

        public init(stateroot: String, name: String) {
            self.stateroot = stateroot
            self.name = name
        }
    }

    public var pending: Pending?
    /// Oldest first. `hostctl cleanup` removes them.
    public var former: [Former] = []

    public init() {}

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("reset.json") }

    /// Reads the file; without one nothing is pending and nothing is left.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> ResetRecord {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in
            var record = ResetRecord()
            if fields.has("pending") {
                let pending = try fields.fields("pending")
                let text = try pending.string("target")
                guard let name = DeploymentName(lease: "\(DeploymentName.leases)/\(text)"), isPart(name.stateroot)
                else { throw pending.malformed("'\(text)' is no deployment") }
                record.pending = Pending(
                    target: name, inode: UInt64(bitPattern: try pending.integer("inode")),
                    former: try part("former", pending),
                    keeping: try pending.has("keeping") ? pending.strings("keeping") : [])
            }
            for former in try fields.objects("former") {
                record.former.append(
                    Former(stateroot: try part("stateroot", former), name: try part("name", former)))
            }
            return record
        } ?? ResetRecord()
    }

    /// Whether one is not complete, or that cannot be told.
    public static func isPending(in paths: SysrootPaths) -> Bool {
        do { return try load(paths).pending != nil } catch { return true }
    }

    private static func part(_ key: String, _ fields: JSONFields) throws(TrustMetadataError) -> String {
        let text = try fields.string(key)
        guard isPart(text) else { throw fields.malformed("'\(text)' is no name") }
        return text
    }

    /// A name that leads to nowhere else, and not to the present /var or the deployments either.
    private static func isPart(_ text: String) -> Bool {
        !text.isEmpty && !text.contains("/") && ![".", "..", "var", "deploy"].contains(text)
    }

    /// Replaces the file in one durable step, or removes it when there is nothing to tell.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        if self == ResetRecord() {
            try Files.remove(Self.path(in: paths))
            return try Files.syncFolder(paths.state)
        }
        let pending = pending.map { pending -> JSONValue in
            [
                "target": .string(pending.target.description), "inode": .integer(Int64(bitPattern: pending.inode)),
                "former": .string(pending.former), "keeping": .array(pending.keeping.map { .string($0) }),
            ]
        }
        try StateFile(path: Self.path(in: paths)).write(
            .known([
                "format": 1, "pending": pending ?? .null,
                "former": .array(former.map { ["stateroot": .string($0.stateroot), "name": .string($0.name)] }),
            ]))
    }
}
