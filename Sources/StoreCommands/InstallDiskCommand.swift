import ArgumentParser
import Checksums
import Disks
import HostctlCommands
import Releases
import Settings
import Sysroots
import SystemPackage
import Transfers
import TrustMetadata
import Updates

/// `hostctl install disk`.
struct InstallDiskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk", abstract: "Install a release onto a disk that boots.",
        discussion: """
            Makes partitions, file systems, the sysroot and a boot loader, on a device or in a file: raw, or QEMU's own \
            form when its name ends in .qcow2. The release is verified with the given keys, which the installed host \
            then trusts. The partition table is written last: what was interrupted does not look like a disk.

            --config names a file in systemd's syntax, which docs/installation.md explains; options count after it.

            Example: hostctl install disk host.qcow2 --size 20G --origin https://updates.example.com \\
                       --channel lean-host/stable --trusted-key release.pem.pub
            """)

    @Argument(help: "The device, or the file.") var disk: String
    @Option(help: ArgumentHelp("A file that says what to install.", valueName: "file")) var config: String?
    @Option(help: ArgumentHelp("The origin's address: http, https, file, or a folder.", valueName: "url"))
    var origin: String?
    @Option(help: "The channel to follow.") var channel: String?
    @Option(help: "The release; by default the newest.") var version: String?
    @Option(help: ArgumentHelp("A public key to trust; may be repeated.", valueName: "file")) var trustedKey: [String] =
        []
    @Option(help: ArgumentHelp("The name of the stateroot.", valueName: "name")) var stateroot: String?
    @Option(help: ArgumentHelp("systemd-boot or grub.", valueName: "name")) var bootLoader: String?
    @Option(help: ArgumentHelp("The root's file system: ext4, btrfs or xfs.", valueName: "name")) var fileSystem:
        String?
    @Option(help: ArgumentHelp("A new file's size, 4G by default.", valueName: "bytes")) var size: String?
    @Option(help: ArgumentHelp("The boot partition's size, 256M by default.", valueName: "bytes")) var bootSize: String?
    @Option(help: ArgumentHelp("The root's size; a data partition gets the rest.", valueName: "bytes"))
    var rootSize: String?
    @Option(help: ArgumentHelp("An argument for the kernel; may be repeated.", valueName: "argument"))
    var kernelArgument: [String] = []
    @Option(help: ArgumentHelp("The host's name.", valueName: "name")) var hostname: String?
    @Flag(help: "Overwrite what is on the disk.") var wipe = false
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let settings = try settings()
        // The proxy and the passwords are those of the machine that installs; its mirrors are another origin's.
        var options = TransferOptions.standard
        try options.apply(HostSettings(below: "/"))
        var request = DiskRequest(
            release: InstallRequest(
                following: SysrootState(
                    origin: OriginAddress.url(try settings.origin()), channel: try settings.channel(),
                    architecture: Machine.architecture),
                version: settings.version, stateroot: settings.stateroot,
                trustedKeys: try settings.trustedKeys().map(InstallSysrootCommand.key)))
        try settings.apply(to: &request)
        request.release.kernelArguments += kernelArgument
        let target = try DiskTarget(FilePath(disk).absolute, size: try settings.size(), wipe: wipe)
        let installer = DiskInstaller(version: HostctlVersion.current, options: options, progress: progress.handler)
        output.show(InstallDiskOutput(outcome: try installer.run(request, on: target)))
    }

    /// The file's settings and the options that were given.
    private func settings() throws -> DiskSettings {
        var settings = try config.map { try DiskSettings(reading: FilePath($0)) } ?? DiskSettings()
        let given: [(String, String?, String)] = [
            ("Origin", origin, "--origin"), ("Channel", channel, "--channel"), ("Version", version, "--version"),
            ("Stateroot", stateroot, "--stateroot"), ("BootLoader", bootLoader, "--boot-loader"),
            ("FileSystem", fileSystem, "--file-system"), ("Size", size, "--size"),
            ("BootSize", bootSize, "--boot-size"),
            ("RootSize", rootSize, "--root-size"),
        ]
        for (key, value, option) in given {
            if let value { settings = try settings.setting(key, value, in: "Install", option: option) }
        }
        for key in trustedKey {
            settings = try settings.setting("TrustedKeys", key, in: "Install", option: "--trusted-key")
        }
        if let hostname { settings = try settings.setting("Hostname", hostname, in: "Host", option: "--hostname") }
        return settings
    }
}

/// The answer of `install disk`.
struct InstallDiskOutput: OutputValue {
    let outcome: DiskOutcome

    private var release: UpdateOutcome { outcome.release }

    var text: String {
        "\(release.manifest.channel) \(release.manifest.version) is installed on \(outcome.path): "
            + "\(ByteCount.text(release.fetched.bytes)) in \(release.fetched.objects) objects, "
            + "\(ByteCount.text(outcome.bootBytes)) on the boot partition"
    }

    var json: JSONValue {
        let layout = outcome.layout
        let partitions = [layout.bios, layout.boot, layout.root] + (layout.data.map { [$0] } ?? [])
        return [
            "result": "installed", "channel": .string(release.manifest.channel.text),
            "version": .string(release.manifest.version.text), "commit": .string(release.manifest.commit.hex),
            "disk": .string(outcome.path.string), "boot_bytes": .integer(outcome.bootBytes),
            "partitions": .array(
                partitions.map { partition in
                    [
                        "name": .string(partition.name), "identifier": .string(partition.identifier),
                        "start": .integer(partition.start), "size": .integer(partition.size),
                    ]
                }),
        ]
    }
}
