import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl install disk`, without starting anything.
@Suite("install disk", .enabled(if: BootFixture.isPossible, "needs root, QEMU and a release build"), .serialized)
struct InstallDiskTests {
    let folder: TemporaryFolder
    let fixture: BootFixture

    init() throws {
        folder = try TemporaryFolder()
        fixture = try BootFixture.shared.get()
    }

    private var disk: FilePath { folder.path.appending("disk.raw") }

    @Test(
        "an installation over a device that is killed leaves nothing that looks like a disk to boot, or a whole one",
        arguments: ["disk.after-wipe", "disk.after-file-system", "disk.before-table"])
    func killedOnDevice(at point: String) throws {
        #expect(try install(["--size", "3G"]).status == 0)
        let attached = try run(["/sbin/losetup", "--find", "--show", disk.string])
        try Machine.need(attached)
        let device = String(attached.text.prefix { $0 != "\n" })
        defer { _ = try? run(["/sbin/losetup", "--detach", device]) }  // It goes with its file at the latest.
        #expect(
            try install(["--wipe"], onto: device, fault: point).end == .signaled(SIGKILL), "\(point) was not reached")
        #expect(try run(["/sbin/sfdisk", "--dump", device]).status != 0)
        #expect(try install(["--wipe"], onto: device).status == 0)
        #expect(try run(["/sbin/sfdisk", "--dump", device]).text.contains("root"))
    }

    private func install(
        _ more: [String], onto target: String? = nil, from other: BootFixture? = nil, fault: String? = nil
    ) throws -> ProcessResult {
        let key = more.contains("--trusted-key") ? [] : ["--trusted-key", fixture.publicKey.string]
        return try run(
            [
                BootFixture.binaries.appending("hostctl").string, "install", "disk", target ?? disk.string, "--origin",
                (other ?? fixture).origin.string, "--channel", BootFixture.channel,
            ] + key + more, environment: fault.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:], timeout: 300)
    }

    @Test("the settings say how often the host starts a new deployment") func tries() throws {
        let config = try folder.write("config", text: "[Install]\nTries=5\n").string
        let result = try install(["--size", "3G", "--config", config, "--json"])
        #expect(result.status == 0, "\(result.errorText)")
        let partitions = try JSONFields(strict: result.output, what: "the answer").objects("partitions")
        let root = try #require(try partitions.first { try $0.string("name") == "root" })
        let place = "\(disk)?offset=\(try root.integer("start"))"
        let file = try run(["/sbin/debugfs", "-R", "cat /ostree/hostctl/boot.json", place])
        #expect(try JSONFields(strict: file.output, what: "boot.json").integer("tries") == 5, "\(file.errorText)")
    }

    @Test("what cannot be installed leaves nothing", arguments: ["size", "floor", "key", "version", "config", "user"])
    func refused(_ what: String) throws {
        let settings = what == "user" ? "[User]\nName=root\n" : "[Install]\nSize=many\n"
        let config = try folder.write("config", text: settings).string
        let key = try folder.write("other/x", text: "").removingLastComponent().appending("key").string
        if what == "key" {
            try Machine.need(run([BootFixture.binaries.appending("hostctl").string, "key", "generate", key]))
        }
        let cases: [String: (arguments: [String], status: Int32, text: String)] = [
            "size": (["--size", "600M"], 4, "are needed"),
            "floor": (["--size", "3G", "--boot-size", "34M"], 4, "which take \(48 << 20)"),
            "key": (["--trusted-key", "\(key).pub"], 3, "no trusted key has signed it"),
            "version": (["--version", "none"], 1, "there is no release"),
            "config": (["--config", config], 1, "8G"), "user": (["--config", config], 1, "has a user 'root'"),
        ]
        guard let expected = cases[what] else { return }
        let result = try install(expected.arguments)
        #expect(result.status == expected.status, "\(result.text) \(result.errorText)")
        #expect(result.errorText.contains(expected.text), "\(result.errorText)")
        #expect(Files.exists(disk) == (expected.status == 0))
    }

    @Test(
        "a boot partition for one kernel and not for two of this release is refused, though no partition is too small")
    func roomForOneKernel() throws {
        let releases = try OwnReleases()
        try releases.fixture.deriveKernel("large", padding: 28 << 20)
        let result = try install(["--size", "3G", "--boot-size", "64M"], from: releases.fixture)
        #expect(result.status == 4, "\(result.text) \(result.errorText)")
        let words = result.errorText.split { !$0.isNumber }.compactMap { Int($0) }.filter { $0 > 1 << 20 }
        #expect(words.count == 2 && words[0] == 64 << 20 && words[1] > 64 << 20, "\(result.errorText)")
        #expect(result.errorText.contains("room for two kernels"))
        #expect(!Files.exists(disk))
        #expect(try install(["--size", "3G", "--boot-size", "192M"], from: releases.fixture).status == 0)
    }

    @Test(
        "an installation that is killed leaves no disk, no mount and no loop device",
        arguments: [
            "disk.after-attach", "disk.after-file-system", "deploy.after-checkout", "disk.after-sysroot",
            "disk.after-boot-partition",
            "disk.before-table", "disk.after-table", "disk.before-name",
        ])
    func killed(at point: String) throws {
        #expect(try install(["--size", "3G"], fault: point).end == .signaled(SIGKILL), "\(point) was not reached")
        #expect(!Files.exists(disk))
        #expect(
            waitUntil(timeout: 20) {
                (try? run(["/sbin/losetup", "--list"]).text.contains(folder.path.string)) == false
            })
        #expect(try !run(["/bin/cat", "/proc/self/mounts"]).text.contains("/tmp/hostctl-disk."))
        #expect(try install(["--size", "3G"]).status == 0)
        #expect(Files.exists(disk))
    }
}
