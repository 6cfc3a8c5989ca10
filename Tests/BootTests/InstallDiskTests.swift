import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

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

    private func install(_ more: [String], onto target: String? = nil, fault: String? = nil) throws -> ProcessResult {
        let key = more.contains("--trusted-key") ? [] : ["--trusted-key", fixture.publicKey.string]
        return try run(
            [
                BootFixture.binaries.appending("hostctl").string, "install", "disk", target ?? disk.string, "--origin",
                fixture.origin.string, "--channel", BootFixture.channel,
            ] + key + more, environment: fault.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:], timeout: 300)
    }

    @Test("what cannot be installed leaves nothing", arguments: ["size", "boot", "key", "version", "config", "user"])
    func refused(_ what: String) throws {
        let settings = what == "user" ? "[User]\nName=root\n" : "[Install]\nSize=many\n"
        let config = try folder.write("config", text: settings).string
        let key = try folder.write("other/x", text: "").removingLastComponent().appending("key").string
        if what == "key" {
            try Machine.need(run([BootFixture.binaries.appending("hostctl").string, "key", "generate", key]))
        }
        let cases: [String: (arguments: [String], status: Int32, text: String)] = [
            "size": (["--size", "600M"], 4, "are needed"),
            "boot": (["--size", "3G", "--boot-size", "34M"], 4, "room for two kernels"),
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
