import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport

extension FaultCommand {
    /// Every command that changes something; with `HOSTCTL_FAULT_COMMAND` those of which that is a part of the name.
    static let all: [FaultCommand] = {
        guard let name = ProcessVariables["HOSTCTL_FAULT_COMMAND"] else { return everything }
        let chosen = everything.filter { $0.name.contains(name) }
        precondition(!chosen.isEmpty, "HOSTCTL_FAULT_COMMAND names none of \(everything.map(\.name))")
        return chosen
    }()

    private static let everything =
        installing + updates + [rollback, pin, unpin, switching, kernelArguments, factoryReset]
        + [cleanup, cleanupDownloads, repair]
        + [publish, publishAgain, prune, importing]

    static let installing = [
        FaultCommand(
            name: "install", host: { try .empty() }, arguments: { $0.installation() }, before: [], after: ["3"])
    ]
    static let updates = [upgrade, patched, fromFolder, automatic, download, fromDownloaded]
    static let upgrade = onSysroot("upgrade", ["upgrade"], after: ["3", "2"])
    static let patched = onSysroot("upgrade by patches", ["upgrade"], after: ["3", "2"], host: { try .patched() })
    static let fromFolder = FaultCommand(
        name: "upgrade --from", prepare: { try $0.follow("http://127.0.0.1:1") },
        arguments: { ["upgrade", "--from", $0.origin.string, "--sysroot", $0.root.string] }, before: ["2", "1"],
        after: ["3", "2"])
    static let automatic = onSysroot(
        "auto-update run", ["auto-update", "run", "--policy", "stage"], after: ["3", "2"])
    static let download = onSysroot("upgrade --download-only", ["upgrade", "--download-only"], after: ["2", "1"])
    static let fromDownloaded = onSysroot(
        "upgrade --from-downloaded", ["upgrade", "--from-downloaded"], after: ["3", "2"],
        prepare: { try $0.change("upgrade", "--download-only") })
    static let rollback = onSysroot("rollback", ["rollback"], after: ["1", "2"])
    static let pin = onSysroot("pin", ["pin", "1"], after: ["2", "1*"])
    static let unpin = onSysroot(
        "unpin", ["unpin", "1"], before: ["2", "1*"], after: ["2", "1"], prepare: { try $0.change("pin", "1") })
    static let switching = onSysroot("switch", ["switch", HostFixture.otherChannel], after: ["7", "2"])
    static let kernelArguments = onSysroot(
        "kernel-args", ["kernel-args", "--append", "console=ttyS0"], after: ["2", "2"])
    static let factoryReset = onSysroot(
        "factory-reset", ["factory-reset", "--yes", "--keep", "/var/lib"], after: ["2", "2"])
    /// A deployment too many, objects of an older one, and what a killed download has left.
    static let cleanup = onSysroot(
        "cleanup", ["cleanup"], before: ["3", "2", "1"], after: ["3", "2"],
        prepare: { host in
            try host.change("pin", "1")
            try host.change("upgrade")
            try host.change("unpin", "2")
            let arguments = ["switch", HostFixture.otherChannel, "--sysroot", host.root.string]
            _ = try host.hostctl(arguments, environment: ["HOSTCTL_FAULT_POINT": "fetch.object:3"])
        })
    /// A complete download goes, and the channel's ref back to what is deployed.
    static let cleanupDownloads = onSysroot(
        "cleanup --downloads", ["cleanup", "--downloads"], after: ["2", "1"],
        prepare: { try $0.change("upgrade", "--download-only") })
    /// Objects and files that are damaged, missing and to be adopted, a lost commit, a damaged kernel.
    static let repair: FaultCommand = {
        var command = onSysroot(
            "verify --repair", ["verify", "--repair"], after: ["2", "1"], prepare: { try $0.damageEverything() })
        command.mends = true
        return command
    }()
    static let publish = FaultCommand(
        name: "release publish", subject: .origin,
        host: {
            let host = try HostFixture.varied(ownsOrigin: true)
            host.patches = 2
            host.fullPack = true
            return host
        },
        arguments: { $0.publication() }, before: ["1", "2", "3"], after: ["1", "2", "3", "4"])
    /// Mends a pool and a full pack that were lost.
    static let publishAgain = FaultCommand(
        name: "release publish again", subject: .origin,
        host: {
            let host = try HostFixture.varied(ownsOrigin: true)
            host.patches = 2
            host.fullPack = true
            try host.succeed(host.publication())
            return host
        },
        prepare: { try Files.removeTree($0.origin.appending("patches")) }, arguments: { $0.publication() },
        before: ["1", "2", "3", "4"], after: ["1", "2", "3", "4"])
    static let prune = FaultCommand(
        name: "release prune", subject: .origin, host: { try .varied(ownsOrigin: true) },
        arguments: { ["release", "prune", $0.origin.string, "--keep", "1", "--key", $0.key.string] },
        before: ["1", "2", "3"], after: ["3"])
    /// The sysroot's folder holds what is imported.
    static let importing = FaultCommand(
        name: "image import", subject: .store, host: { try .empty() }, prepare: { try $0.makeRootFilesystem() },
        arguments: { host in
            ["image", "import", host.root.string, "--store", host.imported.string, "--channel", HostFixture.channel]
                + ["--version", "1", "--architecture", "x86_64"]
        }, before: [], after: ["1"])

    private static func onSysroot(
        _ name: String, _ arguments: [String], before: [String] = ["2", "1"], after: [String],
        host: @escaping @Sendable () throws -> HostFixture = { try .varied() },
        prepare: @escaping @Sendable (HostFixture) throws -> Void = { _ in }
    ) -> FaultCommand {
        FaultCommand(
            name: name, host: host, prepare: prepare, arguments: { arguments + ["--sysroot", $0.root.string] },
            before: before, after: after)
    }
}

extension HostFixture {
    /// The store that `FaultCommand.importing` imports into.
    var imported: FilePath { sysroot.beside("imported") }

    /// Damages an object, removes others and a commit, and changes what is deployed, a kernel included.
    fileprivate func damageEverything() throws {
        let (store, folder) = (try sysroot.store, try folder())
        try overwrite(store.path(of: name(of: "file 3\n")), "broken\n")
        try Files.remove(store.path(of: ObjectName(checksum("1"), .commit)))
        try Files.remove(store.path(of: name(of: "file 5 of 2\n")))
        try Files.removeTree(folder.appending("usr/share/changing"))
        try Files.replace(folder.appending("usr/bin/x"), with: [1])
        // Something to adopt: the object is gone, and both deployments still have the file.
        try Files.remove(store.path(of: name(of: "file 6\n")))
        guard let kernel = try Files.names(in: sysroot.paths.kernels).first else { return }
        try Files.replace(sysroot.paths.kernels.appending(kernel).appending("vmlinuz-6.1.0"), with: [1])
    }

    /// The least of a root filesystem that can be imported.
    fileprivate func makeRootFilesystem() throws {
        let script = """
            mkdir -p usr/bin usr/sbin usr/lib/modules/6.1 etc var/lib/dpkg boot dev proc sys run tmp
            ln -s usr/bin bin; ln -s usr/sbin sbin; ln -s usr/lib lib
            echo kernel >boot/vmlinuz-6.1; echo initramfs >boot/initrd.img-6.1; echo x >usr/lib/modules/6.1/modules.dep
            printf 'Package: systemd\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 257-1\\n' >var/lib/dpkg/status
            echo root:x:0:0:root:/root:/bin/sh >etc/passwd; echo test >etc/hostname; echo ID=test >usr/lib/os-release
            for number in 1 2 3 4 5 6 7 8 9; do echo "program $number" >usr/bin/$number; done
            """
        let result = try run(["/bin/sh", "-ec", "cd \"$1\"\n\(script)", "sh", root.string])
        guard result.status == 0 else { throw CommandFailed(command: "sh", errors: result.errorText) }
    }
}
