import ArgumentParser
import Checksums
import Deployments
import HostctlCommands
import LinuxSystem
import Sysroots
import TrustMetadata

/// `hostctl rollback`.
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Make the previous deployment the default again, at once.",
        discussion: """
            Needs no network. A second rollback goes forward again. Deployments that are bad, or that have no try left, are \
            passed over. Where an update is staged, it is discarded, and what \
            runs stays the default.

            Example: hostctl rollback --reboot
            """)

    @OptionGroup var sysroot: SysrootOption
    @Flag(help: "Restart the host.") var reboot = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { try Reboot.validate(reboot, sysroot) }

    func run() async throws {
        var discarded: DeploymentRecord?
        let record = try ChangeRun(sysroot, waiting, "hostctl rollback").run { change in
            let record = try change.rollback()
            discarded = change.discarded
            return record
        }
        let sentence =
            discarded.map { "stays the default; \($0.version ?? $0.name.description), which was staged, is discarded" }
            ?? "is the default now and starts with the next boot"
        output.show(DeploymentOutput(record: record, sentence: sentence, discarded: discarded?.name.description))
        if reboot { try await Reboot.now() }
    }
}

/// `hostctl pin`.
struct PinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keep a deployment until it is unpinned.",
        discussion: "Example: hostctl pin 0")

    @Argument(help: "The deployment's index, as 'hostctl status' shows it.") var index: Int
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let record = try ChangeRun(sysroot, waiting, "hostctl pin").run { try $0.setPinned(index, true) }
        output.show(DeploymentOutput(record: record, sentence: "is kept until it is unpinned"))
    }
}

/// `hostctl unpin`.
struct UnpinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin", abstract: "No longer keep a deployment that was pinned.",
        discussion: "Example: hostctl unpin 2")

    @Argument(help: "The deployment's index, as 'hostctl status' shows it.") var index: Int
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let record = try ChangeRun(sysroot, waiting, "hostctl unpin").run { try $0.setPinned(index, false) }
        output.show(DeploymentOutput(record: record, sentence: "is no longer pinned"))
    }
}

/// One change to the sysroot: the locks, and the memory of a failure.
struct ChangeRun {
    private let sysroot: SysrootOption
    private let waiting: WaitOptions
    private let command: String

    init(_ sysroot: SysrootOption, _ waiting: WaitOptions, _ command: String) {
        self.sysroot = sysroot
        self.waiting = waiting
        self.command = command
    }

    func run<Result>(_ body: (SysrootChange) throws -> Result) throws -> Result {
        let change: SysrootChange
        do {
            change = try SysrootChange(
                root: sysroot.root, command: command, wait: waiting.wait, notices: .toOperator)
        } catch {
            try SysrootChange.remember(error, command: command, paths: SysrootPaths(root: sysroot.root))
            throw error
        }
        do { return try body(change) } catch {
            try change.recordFailure(error)
            throw error
        }
    }
}

/// The answer of `rollback`, `pin` and `unpin`.
private struct DeploymentOutput: OutputValue {
    let record: DeploymentRecord
    let sentence: String
    /// What a rollback has discarded.
    var discarded: String?

    private var name: String {
        [record.channel, record.version].compactMap { $0 }.joined(separator: " ")
    }

    var text: String {
        "\(name.isEmpty ? record.name.description : name) (deployment \(record.index)) \(sentence)"
    }

    var json: JSONValue {
        [
            "index": .integer(Int64(record.index)), "deployment": .string(record.name.description),
            "version": record.version.map { .string($0) } ?? .null, "commit": .string(record.checksum.hex),
            "pinned": .bool(record.isPinned), "default": .bool(record.isDefault),
            "discarded": discarded.map { .string($0) } ?? .null,
        ]
    }
}
