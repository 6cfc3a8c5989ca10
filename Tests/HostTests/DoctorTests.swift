import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl doctor`: what it finds, and that it finds nothing on a healthy host.
@Suite struct DoctorTests {
    /// The levels by check; the worst of each.
    private func levels(_ result: ProcessResult) throws -> [String: String] {
        try result.json.objects("findings").reduce(into: [:]) { levels, finding in
            let check = try finding.string("check")
            let level = try finding.string("level")
            if levels[check] != "problem" { levels[check] = level }
        }
    }

    private func examine(_ host: HostFixture, _ arguments: String...) throws -> ProcessResult {
        try host.hostctl(["doctor", "--json", "--sysroot", host.root.string] + arguments)
    }

    @Test("a healthy host has no problem, its origin answers, and nothing is changed")
    func healthy() throws {
        let host = try HostFixture.prepared()
        let before = try host.sysroot.snapshot()
        let result = try examine(host, "--network")
        expect(result, 0)
        let levels = try levels(result)
        for check in [
            "kernel", "hostctl-store", "libcrypto", "file-system", "file-system-features", "space", "boot",
            "boot-space",
            "trusted-keys", "origin", "origin-answer", "clock", "deployments", "leftovers",
        ] {
            // A file system in memory has no immutable files.
            #expect(levels[check] == "ok" || check == "file-system-features", "\(check): \(levels[check] ?? "missing")")
        }
        #expect(levels["file-system-features"] != "problem")
        #expect(try host.sysroot.snapshot() == before)
        #expect(try host.change("doctor").text.contains("0 problems, "))
    }

    @Test("without hostctl-store or libostree's libraries it still answers")
    func noStore() throws {
        let host = try HostFixture.prepared()
        let folder = try TemporaryFolder()
        let program = folder.path.appending("hostctl").string
        #expect(try run(["/bin/cp", BuiltProducts.hostctl, program]).status == 0)
        let command = [program, "doctor", "--json", "--sysroot", host.root.string]
        let missing = try run(command)
        expect(missing, 1)
        #expect(try levels(missing)["hostctl-store"] == "problem")
        try folder.write(
            "hostctl-store",
            text:
                "#!/bin/sh\necho 'error while loading shared libraries: libostree-1.so.1: cannot open' >&2\nexit 127\n",
            mode: 0o755)
        let broken = try run(command)
        expect(broken, 1)
        #expect(broken.text.contains("libostree-1.so.1"))
        try folder.write("hostctl-store", text: "#!/bin/sh\necho '{\"hostctl\":\"0.0.9\"}'\n", mode: 0o755)
        #expect(try run(command).text.contains("hostctl-store 0.0.9"))
    }

    @Test("damage, a failure and an interrupted change are told with what to do")
    func damage() throws {
        let host = try HostFixture.prepared()
        let origin = host.address
        try host.sysroot.write("ostree/hostctl/.hostctl-abc.tmp", "x")
        expect(try host.onSysroot("upgrade", "--version", "9"), 1)
        let warned = try examine(host)
        expect(warned, 0)
        #expect(try levels(warned)["leftovers"] == "warning")
        #expect(try levels(warned)["last-failure"] == "warning")
        try Files.remove(host.sysroot.paths.loader)
        try SysrootState(origin: "\(origin)-gone", channel: HostFixture.channel, architecture: "x86_64")
            .save(host.sysroot.paths)
        let result = try examine(host, "--network")
        expect(result, 1)
        let levels = try levels(result)
        #expect(levels["missing-boot-entries"] == "problem")
        #expect(levels["origin-answer"] == "problem")
        for finding in try result.json.objects("findings") where try finding.string("level") != "ok" {
            #expect(try !finding.string("why").isEmpty)
        }
    }

    @Test("a clock before the deployed release, a masked timer and no trusted key are found")
    func clockAndKeys() throws {
        var image = HostFixture.image("1")
        image.timestamp = 4_000_000_000
        image.links["usr/etc/systemd/system/hostctl-upgrade.timer"] = "/dev/null"
        let host = try HostFixture(releases: [], installed: nil)
        try host.publish(image)
        try host.install()
        let levels = try levels(examine(host))
        #expect(levels["clock"] == "problem")
        #expect(levels["units"] == "warning")
        let keys = try host.folder().appending("etc/hostctl/trusted-keys.d")
        try Files.removeTree(keys)
        let result = try examine(host)
        expect(result, 1)
        #expect(try self.levels(result)["trusted-keys"] == "problem")
        #expect(try host.onSysroot("doctor").text.contains("is masked"))
    }

    @Test("a /boot without room for another kernel, and one on FAT, are problems")
    func boot() throws {
        let host = try HostFixture.prepared()
        let boot = host.sysroot.paths.boot.string
        let copy = host.sysroot.beside("boot-copy").string
        let script = """
            mv "$1" "$2"; mkdir "$1"; mount -t tmpfs -o size=64k none "$1"; cp -a "$2/." "$1"
            head -c 60000 /dev/zero >"$1/filler" || true
            "$3" doctor --json --sysroot "$4"
            """
        let arguments = [boot, copy, BuiltProducts.hostctl, host.root.string]
        let result = try run(MountNamespace.command(script, arguments))
        expect(result, 1)
        #expect(try levels(result)["boot-space"] == "problem", "\(result.text)")
    }

    @Test("a machine that only builds has no sysroot, which is a problem only when one was named")
    func noSysroot() throws {
        let folder = try TemporaryFolder()
        let named = try run([BuiltProducts.hostctl, "doctor", "--json", "--sysroot", folder.path.string])
        expect(named, 1)
        #expect(try levels(named)["sysroot"] == "problem")
    }

    @Test("without privileges it says what it could not look at")
    func unprivileged() throws {
        let host = try HostFixture.prepared()
        let result = try host.withoutPrivileges("doctor")
        #expect(result.text.contains("warning  privileges: not running as root"), "\(result.text)\(result.errorText)")
    }
}
