import TestSupport
import Testing
import TrustMetadata

/// Releases that do not come up: each is left by itself, remembered, and not taken again.
@Suite("failed boots", .enabled(if: BootFixture.startsMachines, BootFixture.reason), .serialized)
struct FailedBootTests {
    /// One way not to come up.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let name: String
        let files: [String: String]
        /// What `status` says of it.
        let reason: String
        /// What its console says before it hangs, so that the power is to be cut.
        var hangs: String?
        /// Devices that the machine has besides.
        var devices: [String] = []
        var loader = "systemd-boot"
        var firmware = Machine.Firmware.uefi
        var testDescription: String { name }
    }

    private static let database = Mistake(
        name: "health check",
        files: ["usr/lib/hostctl/health.d/10-database": "#!/bin/sh\necho the database is gone\nexit 1\n"],
        reason: "the database is gone")
    private static let panic = Mistake(
        name: "kernel panic, systemd-boot", files: ["usr/lib/systemd/systemd": "#!/bin/sh\nexit 1\n"],
        reason: "it was started 3 times and did not come up")
    private static let others = [
        Mistake(
            name: "hanging init",
            files: ["usr/lib/systemd/systemd": "#!/bin/sh\necho this one hangs\nwhile :; do sleep 60; done\n"],
            reason: "it was started 3 times and did not come up", hangs: "this one hangs"),
        Mistake(
            name: "panic of a service",
            files: [
                "usr/lib/systemd/system/systemd-tmpfiles-setup.service.d/panic.conf":
                    "[Service]\nExecStartPre=/bin/sh -c 'echo c >/proc/sysrq-trigger'\n"
            ], reason: "it was started 3 times and did not come up"),
        Mistake(
            name: "hanging systemd, with a watchdog",
            files: [
                "usr/lib/systemd/system/hostctl-health.service.d/freeze.conf":
                    "[Service]\nExecStartPre=/bin/kill -SEGV 1\n",
                "usr/lib/systemd/system.conf.d/20-sooner.conf": "[Manager]\nRuntimeWatchdogSec=20\n",
            ], reason: "it was started 3 times and did not come up", devices: ["i6300esb"]),
        Mistake(
            name: "kernel panic, GRUB, BIOS", files: panic.files, reason: panic.reason, loader: "grub", firmware: .bios),
        Mistake(
            name: "kernel panic, GRUB, UEFI", files: panic.files, reason: panic.reason, loader: "grub", firmware: .uefi),
        Mistake(
            name: "initramfs", files: ["INITRAMFS": "no archive"], reason: "it was started 3 times and did not come up"),
    ]
    /// Those of which `HOSTCTL_MISTAKE` is a part of the name; all by default.
    static let mistakes = ([database] + (BootFixture.startsAll ? [panic] : []) + (BootFixture.isCampaign ? others : []))
        .filter { mistake in
            ProcessVariables["HOSTCTL_MISTAKE"].map { mistake.name.contains($0) } ?? true
        }

    @Test("a release that does not come up is left unasked, remembered, and taken by force alone", arguments: mistakes)
    func left(_ mistake: Mistake) throws {
        let releases = try OwnReleases()
        var files = mistake.files
        if let text = files.removeValue(forKey: "INITRAMFS") { files[try releases.fixture.initramfs()] = text }
        files["usr/share/boot-tests/release"] = "3\n"
        try releases.fixture.derive("3", files)
        let machine = try releases.machine(mistake.loader, firmware: mistake.firmware)
        machine.devices = mistake.devices
        try machine.boot()
        #expect(try machine.waitUntilStarted() == "running")
        try machine.run("echo local >/etc/local.conf; hostctl upgrade --progress none", timeout: 400)
        try machine.restartInVain(times: 3, hangs: mistake.hangs)
        try machine.boot()
        #expect(try machine.release() == "1")
        #expect(try machine.waitUntilStarted() == "running")
        try expectRemembered(machine, mistake)
    }

    private func expectRemembered(_ machine: Machine, _ mistake: Mistake) throws {
        let status = try machine.run("hostctl status")
        #expect(status.contains("3 did not come up, and is not taken again by itself"), "\(status)")
        #expect(status.contains(mistake.reason), "\(status)")
        let journal = try machine.run("journalctl --no-pager -u 'hostctl-boot-*'")
        #expect(journal.contains(mistake.reason), "\(journal)")
        #expect(try machine.run("cat /etc/local.conf") == "local\n")
        let automatic = try machine.run("hostctl auto-update run --policy stage --json --progress none", timeout: 400)
        #expect(automatic.contains("known-bad"), "\(automatic)")
        #expect(try !machine.run("hostctl status").contains("staged"))
        let refused = try machine.attempt("hostctl upgrade --progress none")
        #expect(refused.status != 0, "\(refused.output)")
        #expect(refused.output.contains("--force"), "\(refused.output)")
        // What is refused is the same for all.
        guard mistake.name == Self.database.name else { return }
        let forced = try machine.attempt("hostctl upgrade --force --progress none", timeout: 400)
        #expect(forced.status == 0, "\(forced.output)")
        #expect(try machine.run("hostctl status").contains("staged"))
    }

    @Test(
        "two releases in a row that do not come up: the host stays on the last good one, reachable",
        .enabled(if: BootFixture.isCampaign, "only HOSTCTL_CAMPAIGN"))
    func twoInARow() throws {
        let releases = try OwnReleases()
        let machine = try releases.machine()
        try machine.boot()
        #expect(try machine.waitUntilStarted() == "running")
        for version in ["3", "4"] {
            try releases.fixture.derive(
                version, Self.panic.files.merging(["usr/share/boot-tests/release": version]) { $1 })
            try machine.run("hostctl upgrade --progress none", timeout: 400)
            try machine.restartInVain(times: 3)
            try machine.boot()
            #expect(try machine.waitUntilStarted() == "running")
            #expect(try machine.release() == "1")
            #expect(try machine.run("hostctl status").contains("\(version) did not come up"))
        }
        // Both are remembered, not only the last one: a deployment that is still listed has a version, too.
        let status = try machine.run("hostctl status --json")
        let bad = try JSONFields(strict: Array(status.utf8), what: "status").fields("boots").objects("bad")
        #expect(try bad.map { try $0.string("version") } == ["3", "4"], "\(status)")
        let automatic = try machine.run("hostctl auto-update run --policy stage --json --progress none", timeout: 400)
        #expect(automatic.contains("known-bad"), "\(automatic)")
        #expect(try !machine.run("hostctl status").contains("staged"))
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "1")
    }
}
