import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// A sysroot that is, to hostctl, the running host: in a mount namespace of its own, over a copy-on-write view of this
/// machine, with the sysroot at /sysroot, /run/ostree-booted, the kernel's command line and hostctl in /usr/bin.
struct BootedHost {
    private let host: HostFixture
    /// The origin's.
    let server: ScriptedServer
    private let folder: TemporaryFolder
    /// The lines of the unit that a test takes over.
    let unit: UnitFile

    /// A host at release 2 of a channel that has 3.
    init(settings: [String]) throws {
        host = try HostFixture.prepared()
        server = try ScriptedServer(serving: host.origin)
        folder = try TemporaryFolder()
        unit = try UnitFile("hostctl-upgrade.service")
        try host.follow(server.url)
        try host.configure(settings)
        try boot("first", entry: 2)
        // What the restart would call: notes how, and may refuse.
        try folder.write(
            "systemctl",
            text:
                "#!/bin/sh\necho \"$@\" >>/sysroot/systemctl.log\n[ ! -e /sysroot/refuse ] || { echo 'User ann is logged in' >&2; exit 1; }\n",
            mode: 0o755)
    }

    /// Starts a deployment, as a boot loader would.
    ///
    /// - Parameters:
    ///   - identifier: the kernel's for this boot.
    ///   - entry: of two entries the one with the higher number is the default.
    func boot(_ identifier: String, entry: Int) throws {
        let text = try String(host.sysroot.read("boot/loader/entries/ostree-\(entry)-host.conf"))
        let options = text.split(separator: "\n").first { $0.hasPrefix("options ") }?.dropFirst(8) ?? ""
        try folder.write("cmdline", text: "\(options)\n")
        try folder.write("boot_id", text: "\(identifier)\n")
    }

    /// Runs hostctl there.
    @discardableResult
    func hostctl(_ arguments: String...) throws -> String {
        let result = try run(["hostctl"] + arguments)
        expect(result, 0)
        return result.text
    }

    /// The physical root, as seen from outside.
    var sysroot: TestSysroot { host.sysroot }
    func status() throws -> String { try host.change("status").text }
    func versions() throws -> [String] { try host.versions() }
    /// How systemd was asked to restart.
    func restarts() throws -> [String] {
        let log = try Files.readIfPresent(host.root.appending("systemctl.log"), limit: 1 << 16) ?? []
        return String(decoding: log, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    /// Makes systemd refuse.
    func refuseRestart() throws { try Files.replace(host.root.appending("refuse"), with: []) }
    func allowRestart() throws { try Files.remove(host.root.appending("refuse")) }

    /// Runs a command line there; everything but /sysroot, /run and /tmp is read-only.
    func run(_ command: [String]) throws -> ProcessResult {
        let booted = try host.folder()
        let script = """
            set -e
            mount -t tmpfs none /mnt
            mkdir /mnt/upper /mnt/work /mnt/root
            mount -t overlay none /mnt/root -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work
            cd /mnt/root
            mkdir -p sysroot etc/hostctl usr/local/bin
            ln -sfn sysroot/ostree ostree
            cp '\(BuiltProducts.hostctl)' '\(BuiltProducts.hostctlStore)' usr/bin/
            # A toolchain that is mounted is not in the copy; what a debug build links with comes along.
            ldd '\(BuiltProducts.hostctlStore)' | awk 'index($3, "/") == 1 { print $3 }' | while read -r library; do
                [ -e ".$library" ] || { mkdir -p ".${library%/*}"; cp "$library" ".$library"; }
            done
            cp '\(folder.path)/systemctl' usr/local/bin/
            cp -a '\(booted)/etc/hostctl/.' etc/hostctl/
            cp '\(folder.path)/cmdline' '\(folder.path)/boot_id' /mnt/
            mount --bind '\(host.root)' sysroot
            mount --rbind /proc proc
            mount --bind /mnt/cmdline proc/cmdline
            mount --bind /mnt/boot_id proc/sys/kernel/random/boot_id
            mount --rbind /dev dev
            mount -t tmpfs none run
            mount -t tmpfs none tmp
            touch run/ostree-booted
            mount -o remount,ro /mnt/root
            exec chroot . /usr/bin/env -u TMPDIR PATH=/usr/local/bin:/usr/bin:/usr/sbin "$@"
            """
        return try TestSupport.run(MountNamespace.command(script, command), timeout: 120)
    }

    /// Runs what the unit starts, with the capabilities that the unit leaves.
    func runUnit(before: [String] = []) throws -> ProcessResult {
        let capabilities = unit.words("CapabilityBoundingSet").map { "+" + $0.dropFirst(4).lowercased() }
        let bounds = (["-all"] + capabilities).joined(separator: ",")
        let start = unit.words("ExecStart")
        return try run(["setpriv", "--no-new-privs", "--bounding-set", bounds, "--"] + before + start)
    }
}

/// A unit of the `units` folder.
struct UnitFile {
    let path: FilePath
    private let lines: [Substring]

    init(_ name: String) throws {
        path = Self.folder.appending(name)
        lines = String(decoding: try Files.read(path, limit: 1 << 16), as: UTF8.self).split(separator: "\n")
    }

    /// Where the units are.
    static let folder = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .appending("units")

    /// All assignments of a key.
    func values(_ key: String) -> [String] {
        lines.filter { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }

    /// The words of all assignments of a key.
    func words(_ key: String) -> [String] { values(key).flatMap { $0.split(separator: " ").map(String.init) } }
}
