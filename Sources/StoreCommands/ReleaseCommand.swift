import ArgumentParser
import HostctlCommands
import LinuxSystem
import ObjectStorage
import Releases
import SystemPackage
import TrustMetadata

/// `hostctl release`.
struct ReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Keep an origin: a folder that any web server can serve.",
        subcommands: [
            ReleaseInitCommand.self, ReleasePublishCommand.self, ReleaseListCommand.self, ReleasePruneCommand.self,
        ])
}

/// `hostctl release init`.
struct ReleaseInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make an empty origin.",
        discussion: "An origin that is there already is left as it is.\n\nExample: hostctl release init ./origin")

    @Argument(help: "The origin's folder.") var origin: String
    @OptionGroup var output: OutputOptions

    func run() throws {
        let folder = try OriginFolder.create(at: FilePath(origin))
        output.show(OriginOutput(path: folder.path.absolute.string))
    }
}

/// `hostctl release publish`.
struct ReleasePublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Sign an image and make it the newest release of its channel.",
        discussion: """
            Clients see the old or the new release, never something in between. An interrupted publication is \
            completed by running the command again, and so is a published release whose patch pool or full pack has \
            been damaged or lost since.

            Example: hostctl release publish ./origin lean-host/stable/x86_64 --store ./builds --key release.pem
            """)

    @Argument(help: "The origin's folder.") var origin: String
    @Argument(help: "The ref, or the commit, of the image.") var image: String
    @Option(help: ArgumentHelp("The store that has the image.", valueName: "folder")) var store: String
    @Option(help: "The security epoch, recorded in the manifest; no host acts on it yet.") var epoch: Int64 = 0
    @Option(help: ArgumentHelp("From how many earlier releases patches are made; 0 for none.", valueName: "count"))
    var patches: Int = 3
    @Flag(
        help: ArgumentHelp(
            "Also make a full pack: installations ask for tens of ranges of it, not for thousands of objects.",
            discussion: "It takes about as much room in the origin as the release's objects, for each release."))
    var fullPack = false
    @OptionGroup var signing: SigningOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0...64).contains(patches) else { throw ValidationError("--patches takes 0 to 64.") }
    }

    func run() async throws {
        let publisher = Publisher(
            try OriginFolder(opening: FilePath(origin)), signers: try signing.signers(),
            trusting: try signing.trusted(), progress: progress.handler,
            waiting: WaitOptions.announce)
        let release = try await publisher.publish(
            image, from: Store(opening: FilePath(store)), epoch: epoch, minimumHostctl: HostctlVersion.minimum,
            patchBases: patches, fullPack: fullPack, wait: waiting.wait)
        output.show(PublishedOutput(release: release))
    }
}

/// `hostctl release list`.
struct ReleaseListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the releases in an origin's folder, the newest last.",
        discussion: "Example: hostctl release list ./origin --channel lean-host/stable")

    @Argument(help: "The origin's folder.") var origin: String
    @Option(help: "Only this channel.") var channel: String?
    @OptionGroup var output: OutputOptions

    func run() throws {
        let indexes = try OriginFolder(opening: FilePath(origin)).indexes()
        let chosen = indexes.filter { channel == nil || $0.channel.text == channel }
        if let channel, chosen.isEmpty { throw ReleaseError.unknownRelease(channel: channel, version: nil) }
        output.show(ReleaseListOutput(indexes: chosen))
    }
}

/// `hostctl release prune`.
struct ReleasePruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove old releases, and the objects that no other release needs.",
        discussion: "Example: hostctl release prune ./origin --keep 5 --key release.pem")

    @Argument(help: "The origin's folder.") var origin: String
    @Option(help: ArgumentHelp("How many releases of each channel stay.", valueName: "count")) var keep: Int
    @OptionGroup var signing: SigningOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard keep >= 1 else { throw ValidationError("--keep must be at least 1.") }
    }

    func run() async throws {
        let publisher = Publisher(
            try OriginFolder(opening: FilePath(origin)), signers: try signing.signers(),
            trusting: try signing.trusted(), waiting: WaitOptions.announce)
        output.show(PrunedOutput(pruned: try await publisher.prune(keep: keep, wait: waiting.wait)))
    }
}
