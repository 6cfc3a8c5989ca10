import ArgumentParser
import AutomaticUpdates
import Glibc
import HostctlCommands
import LinuxSystem
import Settings
import Sysroots
import SystemPackage
import TrustMetadata
import Updates

/// `hostctl auto-update`.
struct AutoUpdateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auto-update", abstract: "Update without being asked, as far as the policy goes.",
        subcommands: [
            AutoUpdateRunCommand.self, AutoUpdateStatusCommand.self, AutoUpdateHoldCommand.self,
            AutoUpdateResumeCommand.self,
        ])
}

/// `hostctl auto-update run`: what hostctl-upgrade.service calls.
struct AutoUpdateRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Do what the policy says, now.",
        discussion: """
            The policy is Policy= under [Upgrade] in hostctl.conf: \(UpdatePolicy.names). Nothing newer is a success. \
            A release that was rolled back from is not deployed again, and a host on which somebody else is logged in, \
            or holds an inhibitor lock, is not restarted.

            Example: hostctl auto-update run --policy check
            """)

    @OptionGroup var sysroot: SysrootOption
    @Option(help: "Another policy, for this run: \(UpdatePolicy.names).") var policy: String?
    @Option(help: ArgumentHelp("How long to wait for another hostctl.", valueName: "seconds")) var wait: Double = 3600
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard wait >= 0, wait <= 86_400 else { throw ValidationError("--wait takes 0 to 86400 seconds.") }
        guard policy == nil || chosen != nil else { throw ValidationError("--policy takes \(UpdatePolicy.names).") }
    }

    private var chosen: UpdatePolicy? { policy.flatMap(UpdatePolicy.init) }

    func run() async throws {
        let update = AutomaticUpdate(
            root: sysroot.root, version: HostctlVersion.current, base: .standard, wait: wait,
            progress: progress.handler, notice: Notice.show)
        let run = try update.run(policy: chosen, mayRestart: sysroot.sysroot == nil)
        output.show(AutomaticRunOutput(run: run))
        guard run.result == .restarting else { return }
        do { try await Reboot.now(unlessInhibited: true) } catch let refused as Reboot.Refused {
            let postponed = try update.postpone(run, because: refused.reason)
            Notice.show(AutomaticRunOutput(run: postponed).text)
        }
    }
}

/// `hostctl auto-update status`.
struct AutoUpdateStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the policy, a pause, and what the last run came to.",
        discussion: "Works without privileges.\n\nExample: hostctl auto-update status --json")

    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    func run() throws {
        let reader = SysrootReader(root: sysroot.root)
        guard reader.isSysroot else { throw NotASysroot(path: sysroot.root.string) }
        let settings = try HostOptions.settings(of: sysroot.root)
        for warning in settings.warnings { Notice.show("\(warning.reason) (ignored)") }
        output.show(AutoUpdateStatusOutput(policy: settings.policy, report: reader.report()))
    }
}

/// `hostctl auto-update hold`.
struct AutoUpdateHoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Pause automatic updates; commands given by hand go on.",
        discussion: "Example: hostctl auto-update hold --for 7d --reason 'year-end closing'")

    @Option(name: .customLong("for"), help: ArgumentHelp("How long, as 90min, 12h or 7d.", valueName: "time"))
    var length: String?
    @Option(help: "Why, for those who ask 'hostctl status'.") var reason: String?
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard let length else { return }
        guard let seconds = TimeSpan.seconds(length), (1...315_360_000).contains(seconds) else {
            throw ValidationError("--for takes a time such as 90min, 12h or 7d, at most ten years.")
        }
    }

    func run() throws {
        guard SysrootReader(root: sysroot.root).isSysroot else { throw NotASysroot(path: sysroot.root.string) }
        let hold = try AutomaticUpdateHold(root: sysroot.root).begin(
            seconds: length.flatMap { TimeSpan.seconds($0) }, reason: reason)
        output.show(HoldOutput(hold: hold))
    }
}

/// `hostctl auto-update resume`.
struct AutoUpdateResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "End a pause of automatic updates.",
        discussion: "Example: hostctl auto-update resume")

    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    func run() throws {
        guard SysrootReader(root: sysroot.root).isSysroot else { throw NotASysroot(path: sysroot.root.string) }
        output.show(ResumeOutput(wasHeld: try AutomaticUpdateHold(root: sysroot.root).end()))
    }
}

extension UpdatePolicy {
    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
