import ArgumentParser
import Checksums
import HostImages
import HostctlCommands
import LinuxSystem
import ObjectStorage
import SystemPackage
import TrustMetadata

/// `hostctl image`.
struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Make and inspect host images.",
        subcommands: [
            ImageBuildCommand.self, ImageImportCommand.self, ImageExportCommand.self, ImageLintCommand.self,
            ImageInspectCommand.self,
        ])
}

/// `hostctl image build`.
struct ImageBuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Build a host image from a recipe and commit it to a store.",
        discussion: """
            A recipe is a folder with image.conf, and optionally rootfs/ and hooks/.

            Example: hostctl image build images/lean-host --store ./builds --set Version=2026.1
            The same image again: hostctl image build images/lean-host --store ./again --lock image.lock --locked
            """)

    @Argument(help: "The recipe's folder.") var recipe: String
    @Option(help: ArgumentHelp("The store; made when it is missing.", valueName: "folder")) var store: String
    @Option(
        name: .customLong("set"), help: ArgumentHelp("Override a setting; may be repeated.", valueName: "KEY=VALUE"))
    var overrides: [String] = []
    @Option(
        help: ArgumentHelp(
            "Where to work; keeps downloaded packages. By default beside the store.", valueName: "folder"))
    var work: String?
    @Option(
        help: ArgumentHelp(
            "The lock file, which tells every package and its SHA-256. By default image.lock in the work folder.",
            valueName: "file"))
    var lock: String?
    @Flag(help: "Demand exactly the lock file's packages instead of the archive's newest, and its date.")
    var locked = false
    @Option(
        help: ArgumentHelp(
            "Keep the user and group numbers of an image in the store: a ref or a commit.", valueName: "name"))
    var previous: String?
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let recipe = try Recipe(reading: FilePath(recipe), overrides: overrides)
        let store = try Store.create(at: FilePath(store).absolute, mode: .bare)
        let builder = ImageBuilder(
            workFolder: FilePath(work ?? "\(store.path).work"), progress: BuildProgress.handler(progress.handler))
        let inputs = BuildInputs(
            lockFile: lock.map { FilePath($0) }, isLocked: locked, previous: try previous.map { try store.resolve($0) })
        output.show(BuiltImageOutput(image: try await builder.build(recipe, inputs, into: store)))
    }
}

/// `hostctl image inspect`.
struct ImageInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what a host image is and which packages it has.",
        discussion: "Example: hostctl image inspect lean-host/stable/x86_64 --store ./builds --packages")

    @Argument(help: "A ref or a commit.") var name: String
    @Option(help: ArgumentHelp("The store.", valueName: "folder")) var store: String
    @Flag(help: "List the packages, each with the bytes of its files.") var packages = false
    @Flag(help: "List the programs: executable files in /usr/bin and /usr/sbin.") var programs = false
    @Flag(help: "Find out how large the image is on an origin; takes seconds.") var compressed = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        let report = try ImageReport(of: name, in: Store(opening: FilePath(store)), compressing: compressed)
        output.show(ImageReportOutput(report: report, listsPackages: packages, listsPrograms: programs))
    }
}

extension BuildProgress {
    /// Shows a build's progress as every command does.
    static func handler(_ show: @escaping ProgressHandler) -> @Sendable (BuildProgress) -> Void {
        { event in
            switch event {
            case .began(let stage): show(ProgressReport(stage.description))
            case .read(let done): show(ProgressReport("Reading", done: done, unit: .bytes))
            case .stored(let done, let total): show(ProgressReport("Storing", done: done, total: total, unit: .bytes))
            }
        }
    }
}

/// The answer of `image build` and `image import`.
struct BuiltImageOutput: OutputValue {
    let image: BuiltImage

    /// Warnings first: the commit stays the last line.
    var text: String {
        image.lint.findings.map { "\($0.text(limit: 5))\n" }.joined() + summary
    }

    private var summary: String {
        "\(image.ref) \(image.version): \(image.packageCount) packages, \(image.fileCount) files, "
            + "\(ByteCount.text(image.size))\n\(image.commit)"
    }

    var json: JSONValue {
        [
            "commit": .string(image.commit.hex), "ref": .string(image.ref), "version": .string(image.version),
            "kernel": .string(image.kernel), "timestamp": .integer(Int64(clamping: image.timestamp)),
            "packages": .integer(Int64(image.packageCount)), "files": .integer(Int64(image.fileCount)),
            "bytes": .integer(image.size), "lint": image.lint.json,
        ]
    }
}

private struct ImageReportOutput: OutputValue {
    let report: ImageReport
    let listsPackages: Bool
    let listsPrograms: Bool

    var text: String {
        String(report.text(listingPackages: listsPackages, listingPrograms: listsPrograms).dropLast())
    }
    var json: JSONValue { report.json }
}
