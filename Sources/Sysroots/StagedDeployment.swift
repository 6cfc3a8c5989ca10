import LinuxSystem
import SystemPackage
import TrustMetadata

/// The deployment that the next shutdown switches to: the file `staged.json`.
///
/// It is complete, except that its /etc is still the image's, and no boot entry leads to it.
public struct StagedDeployment: Sendable, Equatable {
    public var name: DeploymentName
    /// Whose /etc is merged into it; `nil` for none.
    public var merging: DeploymentName?
    /// What the boot menu will show.
    public var title: String
    /// The kernel's arguments, without `ostree=`.
    public var arguments: [String]
    /// What becomes of changes on both sides of /etc, in the words of `--etc-policy`; `nil` for what is usual.
    public var policy: String?
    /// What of the present /etc a factory reset keeps, as paths below it; `nil` for a merge.
    public var resetting: [String]?
    /// The command that has staged it, for the history.
    public var command: String
    /// When: seconds since 1970.
    public var time: Int64

    public init(
        _ name: DeploymentName, merging: DeploymentName?, title: String, arguments: [String], policy: String? = nil,
        resetting: [String]? = nil, command: String, time: Int64
    ) {
        self.name = name
        self.merging = merging
        self.title = title
        self.arguments = arguments
        self.policy = policy
        self.resetting = resetting
        self.command = command
        self.time = time
    }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("staged.json") }

    /// Whether anything is staged, even where the file cannot be read.
    public static func exists(in paths: SysrootPaths) -> Bool { Files.exists(path(in: paths)) }

    /// Reads the file; `nil` when nothing is staged.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> StagedDeployment? {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in
            func name(_ text: String) throws(TrustMetadataError) -> DeploymentName {
                guard let name = DeploymentName(text: text) else {
                    throw fields.malformed("'\(text)' is no deployment")
                }
                return name
            }
            return try StagedDeployment(
                name(fields.string("deployment")),
                merging: fields.has("merging") ? name(fields.string("merging")) : nil,
                title: fields.string("title"), arguments: fields.strings("arguments"),
                policy: fields.optionalString("policy"),
                resetting: fields.has("resetting") ? fields.strings("resetting") : nil,
                command: fields.string("command"),
                time: fields.integer("time"))
        }
    }

    /// Replaces the file in one durable step: that is what stages.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try StateFile(path: Self.path(in: paths)).write(
            .known([
                "format": 1, "deployment": .string(name.description), "merging": JSONValue(merging?.description),
                "title": .string(title), "arguments": .array(arguments.map { .string($0) }),
                "policy": JSONValue(policy),
                "resetting": resetting.map { .array($0.map { .string($0) }) } ?? .null, "command": .string(command),
                "time": .integer(time),
            ]))
    }

    /// Removes the file, durably: nothing is staged any more.
    ///
    /// - Throws: `SystemError`.
    public static func clear(_ paths: SysrootPaths) throws {
        try Files.remove(path(in: paths))
        try Files.syncFolder(paths.state)
    }
}
