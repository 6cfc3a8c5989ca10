import Glibc
import LinuxSystem
import SystemPackage
import TrustMetadata

/// What a change is about to do: the file `pending.json`, there from before a change's first write to the deployments
/// until after its last one.
///
/// It is how the leftovers of a killed change are told from deployments whose boot entries were lost: only what
/// is named here may be removed.
public struct PendingChange: Sendable, Equatable {
    /// What a change does.
    public enum Action: String, Sendable {
        case deploy, rollback
        /// Removes deployments that nothing needs; the target stays the default.
        case cleanup
        /// Makes a deployment that the next shutdown will switch to.
        case stage
        /// Switches to what was staged.
        case finalize

        /// What an older hostctl takes it for.
        var written: Action {
            switch self {
            case .deploy, .stage: .deploy
            case .rollback, .cleanup, .finalize: .rollback
            }
        }
    }

    /// What the change does.
    public var action: Action
    /// The deployment that becomes the default.
    public var target: DeploymentName
    /// Whether the target is being made, and goes away when the change does not come to its switch.
    public var isAdding: Bool { action == .deploy || action == .stage }
    /// The deployments that are removed after the switch.
    public var dropping: [DeploymentName]
    /// The kernel folders under /boot/ostree that may lose their last user.
    public var kernels: [String]

    public init(_ action: Action, _ target: DeploymentName, dropping: [DeploymentName] = [], kernels: [String] = []) {
        self.action = action
        self.target = target
        self.dropping = dropping
        self.kernels = kernels
    }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("pending.json") }

    /// Reads the file; `nil` when no change was interrupted.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> PendingChange? {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in
            let word = try fields.string("action")
            guard let written = Action(rawValue: word) else { throw fields.malformed("'\(word)' is no action") }
            let action = try fields.optionalString("purpose").flatMap(Action.init) ?? written
            var change = PendingChange(action, try name(fields.string("target"), fields))
            for text in try fields.strings("dropping") { change.dropping.append(try name(text, fields)) }
            for kernel in try fields.strings("kernels") {
                guard !kernel.contains("/"), kernel != "..", kernel != ".", !kernel.isEmpty else {
                    throw fields.malformed("'\(kernel)' is no kernel folder")
                }
                change.kernels.append(kernel)
            }
            return change
        }
    }

    private static func name(_ text: String, _ fields: JSONFields) throws(TrustMetadataError) -> DeploymentName {
        guard let name = DeploymentName(text: text) else { throw fields.malformed("'\(text)' is no deployment") }
        return name
    }

    /// Whether a change was interrupted; taking the next turn completes it.
    public static func exists(in paths: SysrootPaths) -> Bool { Files.exists(path(in: paths)) }

    /// The deployments that an interrupted change has left; none when the file cannot be read.
    public static func names(in paths: SysrootPaths) -> [DeploymentName] {
        do {
            guard let change = try load(paths) else { return [] }
            return change.dropping + (change.isAdding ? [change.target] : [])
        } catch {
            return []
        }
    }

    /// Writes the file in one durable step.
    ///
    /// A cleanup is written as the rollback to the present default that it amounts to, and others likewise: an older
    /// hostctl, which does not know them, completes them as that.
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        let written = action.written
        try StateFile(path: Self.path(in: paths)).write(
            .known([
                "format": 1, "action": .string(written.rawValue),
                "purpose": JSONValue(written == action ? nil : action.rawValue), "target": .string(target.description),
                "dropping": .array(dropping.map { .string($0.description) }),
                "kernels": .array(kernels.map { .string($0) }),
            ]))
    }

    /// Removes the file: the change is complete, and on the disk. Only some file systems write in the order in which they
    /// were asked; after a power cut btrfs had the deployment again that a change had removed, and no record of it.
    ///
    /// - Throws: `SystemError`.
    public static func clear(_ paths: SysrootPaths) throws {
        guard exists(in: paths) else { return }
        try Descriptor(opening: paths.state.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
        try Files.remove(path(in: paths))
        try Files.syncFolder(paths.state)
    }
}
