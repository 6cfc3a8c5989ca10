import ArgumentParser
import EtcMerges
import HostctlCommands
import LinuxSystem
import Sysroots
import SystemPackage
import Transfers
import Updates

/// What `upgrade` and `switch` share.
struct UpdateOptions: ParsableArguments {
    @OptionGroup var sysroot: SysrootOption
    @Flag(help: "Only say whether there is a release, and how large it is.") var check = false
    @Flag(help: "Download, and deploy later with --from-downloaded.") var downloadOnly = false
    @Flag(help: "Deploy what was downloaded, without the network.") var fromDownloaded = false
    @Option(help: "A release of the channel; by default the newest.") var version: String?
    @Flag(help: "Accept a release that is older than the deployed one, or than one that has proved itself here.")
    var allowDowngrade = false
    @Flag(help: "Where the boot partition is too full, remove deployments that are only kept to go back to.")
    var prune = false
    @Flag(help: "Take a release that did not come up on this host before.") var force = false
    @Option(help: "Who wins where both this host and the release changed a file of /etc: keep (this host), new, fail.")
    var etcPolicy = EtcPolicy.keep
    @Flag(help: "Restart the host when something was deployed.") var reboot = false
    @Flag(name: .customLong("unchanged-exit-77"), help: "Exit with 77 when there is nothing to do.")
    var unchangedExit77 = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard [check, downloadOnly, fromDownloaded].filter({ $0 }).count <= 1 else {
            throw ValidationError("--check, --download-only and --from-downloaded exclude each other.")
        }
        try Reboot.validate(reboot, sysroot)
    }

    private var goal: UpdateRequest.Goal {
        check ? .check : downloadOnly ? .download : fromDownloaded ? .deployDownloaded : .deploy
    }

    /// Runs the update and shows what came of it.
    ///
    /// - Parameter source: the address of a copy of the origin, for this run.
    func run(command: String, following: SysrootState? = nil, source: String? = nil) async throws {
        let options = try HostOptions(
            root: sysroot.root, command: command, following: following, base: .standard, notice: Notice.show)
        var transfers = options.transfers
        // A folder has no mirrors.
        if source != nil { transfers.mirrors = nil }
        let updater = Updater(
            root: sysroot.root, command: command, version: HostctlVersion.current, options: transfers,
            wait: waiting.wait, progress: progress.handler, notices: .toOperator)
        var request = UpdateRequest(
            goal, version: version, allowsDowngrade: allowDowngrade, following: following, source: source)
        request.prunes = prune
        request.takesBad = force
        request.etcPolicy = etcPolicy
        if !output.json { request.announce = EtcOutput.announce }
        let outcome = try updater.run(request)
        let answer = UpdateOutput(outcome: outcome, command: command, isSwitch: following != nil)
        if !output.json, let warning = answer.warning { Notices.toOperator.warning(warning) }
        output.show(answer)
        // Asked for again after an interruption, nothing is left to be deployed, but the restart is.
        let isWaiting = outcome.result == .unchanged && outcome.previous?.isBooted == false
        if reboot, outcome.result == .deployed || isWaiting { return try await Reboot.now() }
        if outcome.result == .unchanged, unchangedExit77 { throw ExitCode.unchanged }
    }
}

/// `hostctl upgrade`.
struct UpgradeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade", abstract: "Fetch the channel's newest release and make it the default.",
        discussion: """
            The deployment that was the default becomes the rollback. Nothing large is fetched before the release \
            is known to be signed by a trusted key, meant for this host, and not older than what is deployed or has \
            proved itself here.

            Examples:
              hostctl upgrade --check
              hostctl upgrade --download-only && hostctl upgrade --from-downloaded --reboot
              hostctl upgrade --from /media/usb/origin
            """)

    @Option(
        help: ArgumentHelp(
            "Fetch from this copy of the origin, such as a USB disk, in this run; what is followed and trusted stays.",
            valueName: "folder"))
    var from: String?
    @OptionGroup var options: UpdateOptions

    func validate() throws {
        guard from == nil || !options.fromDownloaded else {
            throw ValidationError("--from and --from-downloaded exclude each other.")
        }
        if let from, from.contains("://") { throw ValidationError("--from takes a folder; 'switch' takes an address.") }
    }

    func run() async throws {
        let folder = from.map { FilePath($0).absolute }
        if let folder, !Files.isFolder(folder.appending("releases")) {
            throw UpdateError.notACopy(folder: folder.string)
        }
        try await options.run(command: "hostctl upgrade", source: folder.map { OriginAddress.url($0.string) })
    }
}

/// `hostctl switch`.
struct SwitchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switch", abstract: "Follow another channel or origin, and upgrade to it.",
        discussion: "Example: hostctl switch lean-host/testing")

    @Argument(help: "The channel.") var channel: String
    @Option(help: ArgumentHelp("The origin's address; by default the present one.", valueName: "url"))
    var origin: String?
    @OptionGroup var options: UpdateOptions

    func run() async throws {
        let root = options.sysroot.root
        let present = try SysrootState.load(SysrootPaths(root: root))
        guard let address = origin.map(OriginAddress.url) ?? present?.origin else {
            throw UpdateError.noOrigin(sysroot: root.string)
        }
        let following = SysrootState(
            origin: address, channel: channel, architecture: present?.architecture ?? Machine.architecture)
        try await options.run(command: "hostctl switch", following: following)
    }
}
