import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// What machines boot: the lean host with the tests' agent in it, an origin with its releases, and a base disk for each
/// boot loader. Made once for the same recipe and programs, in `.build/boot-tests` or where `HOSTCTL_BOOT_CACHE` says.
struct BootFixture {
    /// Where everything lies.
    let folder: FilePath
    var origin: FilePath { folder.appending("origin") }
    private var builds: FilePath { folder.appending("builds") }
    private var key: FilePath { folder.appending("key") }
    var publicKey: FilePath { folder.appending("key.pub") }

    static let channel = "lean-host/stable"
    static let ref = "lean-host/stable/x86_64"
    /// The statically linked programs that machines run; a debug build's need a toolchain.
    static let binaries: FilePath = FilePath(ProcessVariables["HOSTCTL_BOOT_BINARIES"] ?? ".build-release/release")

    /// Whether machines can be booted here, and the run is one of those that take their time.
    static let isPossible =
        geteuid() == 0 && ProcessVariables["HOSTCTL_TESTS"] != "quick"
        && Files.exists("/usr/bin/qemu-system-x86_64") && Files.exists("/usr/share/OVMF/OVMF_CODE_4M.fd")
        && Files.exists("/usr/bin/mmdebstrap") && Files.exists(binaries.appending("hostctl-store"))

    /// Whether the run is the long one, with every scenario.
    static let isCampaign = ProcessVariables["HOSTCTL_CAMPAIGN"] != nil

    /// Whether machines are started: the few that every run starts, unless `HOSTCTL_MACHINES=0`.
    static let startsMachines = isPossible && ProcessVariables["HOSTCTL_MACHINES"] != "0"

    /// Why they are not.
    static let reason: Comment = "machines need root, QEMU and a release build; HOSTCTL_MACHINES=0 starts none"

    /// Whether those are started, too, that say little that others do not: a boot without KVM takes one to three minutes.
    static let startsAll = startsMachines && (isCampaign || ProcessVariables["HOSTCTL_MACHINES"] != nil)

    /// Why they are not.
    static let allReason: Comment = "HOSTCTL_MACHINES=1 starts these machines, too"

    /// Shared by all tests of a run.
    static let shared = Result { try BootFixture() }

    /// What another one has made, under another name.
    init(folder: FilePath) { self.folder = folder }

    private init() throws {
        let cache = FilePath(ProcessVariables["HOSTCTL_BOOT_CACHE"] ?? ".build/boot-tests")
        let inputs = ["images", "units", "Tests/BootTests", Self.binaries.string]
        let sums = try Self.shell(
            "find -L \(inputs.joined(separator: " ")) -type f ! -name '*.o' ! -path '*.build/*' -maxdepth 8 "
                + "\\( -path 'images/*' -o -path 'units/*' -o -name 'MachineAgent.swift' -o -name 'BootFixture.swift' -o -name hostctl -o -name hostctl-store \\) "
                + "-print0 | sort -z | xargs -0 sha256sum | sha256sum")
        let root = try Self.shell("pwd").trimmed
        folder = (cache.isAbsolute ? cache : FilePath(root).pushing(cache)).appending(String(sums.prefix(16)))
        if !Files.exists(folder.appending("complete")) { try make(root) }
    }

    private func make(_ root: String) throws {
        try Files.removeTree(folder)
        try Files.makeFolder(folder)
        try build(recipe(), version: "1", root: root)
        try hostctl("key", "generate", key.string)
        try hostctl("release", "init", origin.string)
        try publish()
        // With a kernel of its own, so that an upgrade writes one to the boot partition.
        try deriveKernel("2")
        for loader in ["systemd-boot", "grub"] { try install(loader) }
        try Files.replace(folder.appending("complete"), with: [])
    }

    /// The lean host with the tests' agent in it.
    private func recipe() throws -> FilePath {
        let recipe = folder.appending("images/recipe")
        try Self.shell(
            "mkdir -p \(folder)/images; cp -a images/lean-host \(recipe); cp images/grub-images \(folder)/images")
        let program = recipe.appending("rootfs/usr/lib/boot-tests/agent")
        try Files.makeFolder(program.removingLastComponent())
        try Files.replace(program, with: Array(MachineAgent.program.utf8), mode: 0o755)
        let unit = recipe.appending("rootfs/usr/lib/systemd/system/boot-tests.service")
        try Files.makeFolder(unit.removingLastComponent())
        try Files.replace(unit, with: Array(MachineAgent.unit.utf8))
        let hook = recipe.appending("hooks/11-agent.chroot")
        try Files.replace(hook, with: Array("#!/bin/sh\nexec systemctl enable boot-tests.service\n".utf8), mode: 0o755)
        // Stock tools, which a host does not have.
        let stock = recipe.appending("image.conf.d/90-tests.conf")
        try Files.makeFolder(stock.removingLastComponent())
        try Files.replace(stock, with: Array("[Image]\nPackages=ostree\n".utf8))
        let fuse = recipe.appending("removals.conf.d/90-tests.conf")
        let removal = "[Removal]\nReason=the host has no libfuse\nPaths=/usr/bin/rofiles-fuse\n"
        try Files.replace(fuse, with: Array(removal.utf8))
        return recipe
    }

    private func build(_ recipe: FilePath, version: String, root: String) throws {
        let binaries = Self.binaries.isAbsolute ? Self.binaries : FilePath(root).pushing(Self.binaries)
        try hostctl(
            "image", "build", recipe.string, "--store", builds.string, "--work",
            folder.removingLastComponent().appending("packages").string, "--set", "Version=\(version)", "--set",
            "HostctlBinaries=\(binaries)", "--set", "HostctlUnits=\(root)/units", timeout: 900)
    }

    /// A disk with a host of Debian 12, which follows an origin that has the lean host of `other` as version 13.
    func makeDebian12(upgradedTo other: BootFixture) throws {
        let recipe = try recipe()
        let hooks = ["20-modules.chroot", "50-licences.chroot", "80-busybox.chroot"].map { "\(recipe)/hooks/\($0)" }
        try Self.shell(
            "rm -r \(recipe)/removals.conf* \(hooks.joined(separator: " ")) \(recipe)/rootfs/usr/sbin && "
                + "cp Tests/BootTests/debian-12/* \(recipe)/")
        try build(recipe, version: "12", root: Self.shell("pwd").trimmed)
        try hostctl("key", "generate", key.string)
        try hostctl("release", "init", origin.string)
        try publish()
        try install("systemd-boot", version: "12")
        try Self.shell("ostree pull-local --repo=\(builds) \(other.builds) \(Self.ref)")
        try derive("13", ["usr/share/boot-tests/release": "13\n"])
    }

    /// Installs a release, which will know the origin by the address that machines see.
    private func install(_ loader: String, version: String = "1") throws {
        try install(disk(loader), version: version, "--boot-loader", loader, "--size", "3G")
    }

    /// Installs a release onto another disk.
    func install(_ disk: FilePath, version: String = "1", _ options: String...) throws {
        let script = """
            ip link set lo up && ip address add 10.0.2.100/32 dev lo || exit 1
            busybox httpd -f -p 10.0.2.100:80 -h \(origin) & server=$!
            \(Self.program) install disk \(disk) --origin http://10.0.2.100 --channel \(Self.channel) --version \(version) \
                --trusted-key \(key).pub --hostname boot-test --kernel-argument clearcpuid=cx16 \
                \(options.joined(separator: " "))
            status=$?; kill $server; exit $status
            """
        try Machine.need(run(["/usr/bin/unshare", "--net", "/bin/sh", "-c", script], timeout: 300))
    }

    /// A base disk.
    func disk(_ loader: String) -> FilePath { folder.appending("\(loader).qcow2") }

    // MARK: releases

    /// Publishes a release that differs from the newest one in some files. Scripts are executable.
    func derive(_ version: String, _ files: [String: String]) throws {
        let tree = try TemporaryFolder()
        for (path, text) in files {
            try tree.write("tree/\(path)", text: text, mode: text.hasPrefix("#!") ? 0o755 : 0o644)
        }
        try commit(version, tree)
    }

    private func commit(_ version: String, _ tree: TemporaryFolder) throws {
        let kept = ["ostree.linux", "ostree.bootable", "hostctl.channel", "hostctl.architecture", "hostctl.packages"]
        try Machine.need(
            run(
                [
                    "/usr/bin/ostree", "commit", "--repo=\(builds)", "--branch=\(Self.ref)", "--tree=ref=\(Self.ref)",
                    "--tree=dir=\(tree.path)/tree",
                    "--add-metadata-string=version=\(version)", "--parent=\(try head())", "--subject=\(version)",
                ] + (kept + ["hostctl.kernel-arguments"]).map { "--keep-metadata=\($0)" }, timeout: 300))
        try publish()
    }

    /// The same with another initramfs, and so with a kernel folder of its own: the present one and zeros behind it, which
    /// the kernel passes over.
    ///
    /// - Parameter padding: how many zeros, in bytes.
    func deriveKernel(_ version: String, padding: Int = 512) throws {
        let path = try initramfs()
        let tree = try TemporaryFolder()
        let bytes = try Machine.needBytes(
            run(["/usr/bin/ostree", "cat", "--repo=\(builds)", Self.ref, "/\(path)"], timeout: 60))
        try tree.write("tree/\(path)", bytes + [UInt8](repeating: 0, count: padding))
        try tree.write("tree/usr/share/boot-tests/release", text: "\(version)\n")
        try commit(version, tree)
    }

    /// The path of the image's initramfs.
    func initramfs() throws -> String {
        let list = try Self.shell(
            "ostree ls --repo=\(builds) \(Self.ref) /usr/lib/modules | grep -o '/usr/lib/modules/.*'")
        return "\(list.trimmed.dropFirst())/initramfs.img"
    }

    private func head() throws -> String {
        try Self.shell("ostree rev-parse --repo=\(builds) \(Self.ref)").trimmed
    }

    private func publish() throws {
        try hostctl(
            "release", "publish", origin.string, "--store", builds.string, Self.ref, "--key", key.string, timeout: 1800)
    }

    // MARK: commands

    static var program: String { binaries.appending("hostctl").string }

    private func hostctl(_ words: String..., timeout: Double = 120) throws {
        try Machine.need(run([Self.program] + words, timeout: timeout))
    }

    @discardableResult
    private static func shell(_ script: String) throws -> String {
        let result = try run(["/bin/sh", "-c", script])
        try Machine.need(result)
        return result.text
    }
}

extension String {
    /// Without spaces and newlines at both ends.
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
