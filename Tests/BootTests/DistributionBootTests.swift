import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// From one release of the distribution to the next: another kernel, systemd and libc, other accounts, fewer packages.
@Suite(
    "Debian 12 to Debian 13",
    .enabled(if: BootFixture.startsMachines && BootFixture.isCampaign, "only HOSTCTL_CAMPAIGN"),
    .serialized)
struct DistributionBootTests {
    @Test("an upgrade, and a rollback, with local accounts, /etc and /var as they were")
    func thereAndBack() throws {
        let folder = try TemporaryFolder()
        let fixture = BootFixture(folder: folder.path.appending("debian-12"))
        try fixture.makeDebian12(upgradedTo: BootFixture.shared.get())
        let machine = try Machine(fixture.disk("systemd-boot"), firmware: .uefi, origin: fixture.origin)
        try machine.boot()
        _ = try machine.waitUntilStarted()
        #expect(try debian(machine) == "12")
        try machine.run(UpgradeBootTests.changes)
        let owners =
            "stat -c '%U %G' /etc/shadow /var/log/journal; getent passwd systemd-network operator root | cut -d: -f1"
        let before = try machine.run(owners)
        print(try machine.run("hostctl upgrade --progress none; hostctl status", timeout: 600))
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try debian(machine) == "13")
        try UpgradeBootTests.expectChanges(machine)
        #expect(try machine.run(owners) == before)
        print(try machine.run("hostctl status; hostctl boot status; hostctl rollback"))
        try machine.restart()
        _ = try machine.waitUntilStarted()
        #expect(try debian(machine) == "12")
        try UpgradeBootTests.expectChanges(machine)
        #expect(try machine.run(owners) == before)
    }

    private func debian(_ machine: Machine) throws -> String {
        try machine.run(". /etc/os-release; echo $VERSION_ID").filter { !$0.isWhitespace }
    }
}
