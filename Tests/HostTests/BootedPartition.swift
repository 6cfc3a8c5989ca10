import BootLoaders
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// A host with a boot partition, in a mount namespace of its own: `/boot/efi` is a file system that outlives the
/// commands.
final class BootedPartition {
    let host: HostFixture
    /// What `systemctl list-jobs` prints; `nil` when it fails.
    var jobs: String? = ""
    /// Whether the boot partition is mounted when a command starts; /etc/fstab tells in any case where it is.
    var isMounted = true
    private let folder: TemporaryFolder

    /// A host at release 1 of a channel that has 2, before its first boot.
    ///
    /// - Parameter tries: how often a new deployment is started, as `install disk` has put it down.
    init(tries: Int = 3) throws {
        folder = try TemporaryFolder()
        host = try HostFixture(releases: ["1", "2", "3"], installed: "1")
        try BootConfiguration(loader: .systemdBoot, partition: "12345678-01", tries: tries).save(paths)
        try Files.makeFolder(paths.bootPartition)
        try mount()
        // As `install disk` does it.
        let record = try #require(SysrootReader(root: host.root).readDeployments().deployments.first)
        let partition = paths.partition
        let modules = paths.folder(of: record.name).appending("usr/lib/modules/6.1.0")
        let checksum = try #require(BootOrder(reading: paths).listed.first?.bootChecksum)
        let kernel = try partition.addKernel(
            KernelSource(
                bootChecksum: checksum, kernel: modules.appending("vmlinuz"),
                initramfs: modules.appending("initramfs.img")))
        let link = paths.bootLink(of: record.name)
        try Files.makeFolder(link.removingLastComponent())
        try Files.makeLink(link, target: SysrootPaths.bootLinkTarget(record.name))
        try SystemdBoot(partition: partition).add(
            LoaderEntry(
                name: EntryName(stateroot: record.stateroot, generation: 1), folder: record.name.folderName,
                title: "first", kernelFolder: kernel, arguments: ["root=LABEL=root"]))
        try boot()
    }

    deinit {
        do { _ = try TestSupport.run(["/bin/umount", paths.bootPartition.string]) } catch { print("\(error)") }
    }

    var paths: SysrootPaths { host.sysroot.paths }
    var loader: SystemdBoot { SystemdBoot(partition: paths.partition) }
    var entries: [String] { get throws { try loader.listing().entries.map(\.name.text) } }

    private func mount() throws {
        let result = try TestSupport.run(
            ["/bin/mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "none", paths.bootPartition.string])
        guard result.status == 0 else { throw CommandFailed(command: "mount", errors: result.errorText) }
    }

    /// Starts what the loader would start, and it proves itself, or has used up a try.
    func boot(isGood: Bool = true) throws {
        let entry = try #require(try loader.listing().entries.first)
        if isGood {
            try loader.markGood(generation: entry.generation)
        } else if let counter = entry.counter, !counter.isExhausted {
            let name = try EntryName(
                stateroot: entry.name.stateroot, generation: entry.generation, counter: counter.afterTry())
            let folder = paths.bootPartition.appending("loader/entries")
            let paths = [entry.name.text, name.text].map { folder.appending("\($0).conf").string }
            try #require(rename(paths[0], paths[1]) == 0)
        }
        try folder.write("cmdline", text: "root=LABEL=root ostree=\(entry.link)\n")
    }

    /// What the shutdown runs.
    func shutDown() throws -> ProcessResult {
        jobs = "12 reboot.target start waiting"
        defer { jobs = "" }
        return try hostctl("finalize")
    }

    /// Counts as the loader would have.
    func setTries(of generation: Int, left: Int, done: Int) throws {
        let folder = paths.bootPartition.appending("loader/entries")
        let names = try Files.names(in: folder)
        let entry = try EntryName(stateroot: "host", generation: generation)
        let present = try #require(names.first { $0.hasPrefix(entry.text) })
        let new = try EntryName(
            stateroot: "host", generation: generation, counter: TryCounter(left: left, done: done))
        if present != "\(new.text).conf" {
            try Files.move(folder.appending(present), over: folder.appending("\(new.text).conf"))
        }
    }

    /// Runs hostctl on the running host.
    func hostctl(_ arguments: String..., environment: [String: String] = [:]) throws -> ProcessResult {
        try hostctl(arguments, environment: environment)
    }

    /// Runs hostctl on the running host.
    func hostctl(_ arguments: [String], environment: [String: String] = [:]) throws -> ProcessResult {
        try start(["hostctl"] + arguments, environment: environment)
    }

    /// Runs a script on the running host, whose commands share what is in /run.
    func shell(_ script: String) throws -> ProcessResult { try start(["/bin/sh", "-c", script]) }

    private func start(_ command: [String], environment: [String: String] = [:]) throws -> ProcessResult {
        let answer = jobs.map { "echo '\($0)'" } ?? "echo no answer >&2; exit 1"
        try folder.write(
            "systemctl", text: "#!/bin/sh\n[ \"$1\" = list-jobs ] || exit 0\n\(answer)\n", mode: 0o755)
        let script = """
            set -e
            mount -t tmpfs none /mnt
            mkdir /mnt/upper /mnt/work /mnt/root
            mount -t overlay none /mnt/root -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work
            cd /mnt/root
            mkdir -p sysroot boot/efi etc/hostctl
            ln -sfn sysroot/ostree ostree
            cp '\(BuiltProducts.hostctl)' '\(BuiltProducts.hostctlStore)' usr/bin/
            cp --remove-destination '\(folder.path)/systemctl' usr/bin/
            ldd '\(BuiltProducts.hostctlStore)' | awk 'index($3, "/") == 1 { print $3 }' | while read -r library; do
                [ -e ".$library" ] || { mkdir -p ".${library%/*}"; cp "$library" ".$library"; }
            done
            [ ! -d "\(try bootedFolder())" ] || cp -a "\(try bootedFolder())/etc/hostctl/." etc/hostctl/
            cp '\(folder.path)/cmdline' /mnt/
            mount --bind '\(host.root)' sysroot
            mkdir partition
            mount --bind '\(paths.bootPartition)' partition
            rm -f etc/fstab
            echo '/partition /boot/efi none bind 0 0' >etc/fstab
            \(isMounted ? "mount --bind partition boot/efi" : "")
            # The origin's files, at the address by which they are known here.
            mkdir -p '.\(host.origin)'
            mount --bind '\(host.origin)' '.\(host.origin)'
            mount --rbind /proc proc
            mount --bind /mnt/cmdline proc/cmdline
            mount --rbind /dev dev
            mount -t tmpfs none run
            touch run/ostree-booted
            mount -o remount,ro /mnt/root
            exec chroot . /usr/bin/env -u TMPDIR PATH=/usr/bin:/usr/sbin "$@"
            """
        let variables = environment.map { "\($0.key)=\($0.value)" }
        return try TestSupport.run(
            MountNamespace.command(script, variables + command), timeout: 180)
    }

    /// The folder of what runs: its /etc is the live one.
    func bootedFolder() throws -> FilePath {
        let text = String(decoding: try Files.read(folder.path.appending("cmdline"), limit: 4096), as: UTF8.self)
        let link = text.split(separator: " ").compactMap { word in
            word.hasPrefix("ostree=") ? word.dropFirst("ostree=".count).prefix { $0 != "\n" } : nil
        }.first
        let name = try #require(
            link.flatMap { DeploymentName(text: String($0.dropFirst(LoaderEntry.linkFolder.count))) })
        return paths.folder(of: name)
    }
}
