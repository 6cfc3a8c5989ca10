import ArgumentParser
import HostctlCommands
import Settings
import Signatures
import Sysroots
import SystemPackage
import Transfers
import Updates

/// `hostctl install`.
struct InstallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Install a release.",
        subcommands: [InstallSysrootCommand.self, InstallDiskCommand.self])
}

/// `hostctl install sysroot`.
struct InstallSysrootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sysroot", abstract: "Install a release into a folder that becomes a sysroot.",
        discussion: """
            The release is verified with the given keys, which the installed host then trusts. An interrupted \
            installation is completed by running the command again.

            Example: hostctl install sysroot /mnt --origin https://updates.example.com \\
                       --channel lean-host/stable --trusted-key release.pem.pub
            """)

    @Argument(help: "The folder.") var folder: String
    @Option(help: ArgumentHelp("The origin's address: http, https, file, or a folder.", valueName: "url"))
    var origin: String
    @Option(help: "The channel to follow.") var channel: String
    @Option(help: "The release; by default the newest.") var version: String?
    @Option(help: ArgumentHelp("A public key to trust; may be repeated.", valueName: "file")) var trustedKey: [String]
    @Option(help: ArgumentHelp("The name of the stateroot.", valueName: "name")) var stateroot = "host"
    @Option(help: ArgumentHelp("An argument for the kernel; may be repeated.", valueName: "argument"))
    var kernelArgument: [String] = []
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        // The proxy and the passwords are those of the machine that installs; its mirrors are another origin's.
        var options = TransferOptions.standard
        try options.apply(HostSettings(below: "/"))
        let request = InstallRequest(
            following: SysrootState(
                origin: OriginAddress.url(origin), channel: channel, architecture: Machine.architecture),
            version: version, stateroot: stateroot, trustedKeys: try trustedKey.map(Self.key),
            kernelArguments: kernelArgument)
        let installer = Installer(
            root: FilePath(folder).absolute, version: HostctlVersion.current, options: options,
            progress: progress.handler)
        output.show(UpdateOutput(outcome: try installer.run(request)))
    }

    /// Under the name it will have in trusted-keys.d, where only `.pem` files are read.
    static func key(_ file: String) throws -> (name: String, key: PublicKey) {
        let path = FilePath(file)
        let stem = (path.lastComponent?.string ?? "release").split(separator: ".").first.map(String.init) ?? "release"
        return (name: "\(stem).pem", key: try PublicKey(reading: path))
    }
}
