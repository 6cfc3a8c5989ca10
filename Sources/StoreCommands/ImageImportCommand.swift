import Archives
import ArgumentParser
import HostImages
import HostctlCommands
import LinuxSystem
import ObjectStorage
import SystemPackage

/// `hostctl image import`.
struct ImageImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make a host image of a root filesystem that others made.",
        discussion: """
            SOURCE is the folder of a root filesystem, a tar archive of one (plain, gzip, zstd or xz; '-' for standard \
            input), or an OCI image that was made from a Containerfile: 'oci:FOLDER[:TAG]' for a layout, \
            'oci-archive:FILE[:TAG]' for a tar archive of a layout. A folder or archive that is a layout is recognised.

            The tree is converted as 'image build' does, and checked as 'image lint' does; a tree that is in ostree's form \
            already, such as one that 'image export' wrote, stays as it is.

            Examples:
              hostctl image import rootfs.tar.zst --store ./builds --channel my-host/stable --version 2026.1
              hostctl image import oci:./layout:latest --store ./builds --channel my-host/stable
              podman save --format oci-archive my-host | hostctl image import - --store ./builds --channel my-host/stable
            """)

    @Argument(help: "A folder, an archive, '-', oci:FOLDER[:TAG] or oci-archive:FILE[:TAG].") var source: String
    @Option(help: ArgumentHelp("The store; made when it is missing.", valueName: "folder")) var store: String
    @Option(help: "The line of releases, such as lean-host/stable.") var channel: String
    @Option(help: "The release's name; by default the date of the source.") var version: String?
    @Option(help: "x86_64 or aarch64; by default this machine's.") var architecture: String?
    @Option(
        help: ArgumentHelp("An argument that every host boots the image with; may be repeated.", valueName: "argument"))
    var kernelArgument: [String] = []
    @Option(help: ArgumentHelp("The most bytes that an archive may have, decompressed.", valueName: "bytes"))
    var sizeLimit: UInt64 = ArchiveLimits().bytes
    @OptionGroup var lint: LintOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let identity = try ImageIdentity(
            channel: channel, version: version, architecture: architecture, kernelArguments: kernelArgument)
        let policy = try lint.policy()
        let source = try ImportSource(source)
        let store = try Store.create(at: FilePath(store).absolute, mode: .bare)
        let importer = ImageImporter(
            limits: ArchiveLimits(bytes: sizeLimit), progress: BuildProgress.handler(progress.handler))
        output.show(BuiltImageOutput(image: try importer.run(source, as: identity, into: store, lint: policy)))
    }
}
