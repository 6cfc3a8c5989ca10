import TestSupport
import Testing

/// Updates of a host that runs.
@Suite("upgrade and back", .enabled(if: BootFixture.startsMachines, BootFixture.reason), .serialized)
struct UpgradeBootTests {
    /// What must survive everything.
    private static let changes = """
        echo local >/etc/local.conf
        echo 'operator:x:1500:1500::/var/home/operator:/bin/sh' >>/etc/passwd
        echo 'operator:x:1500:' >>/etc/group
        mkdir -p /var/lib/data && echo data >/var/lib/data/file
        """

    private func expectChanges(_ machine: Machine) throws {
        #expect(try machine.run("cat /etc/local.conf /var/lib/data/file; id -u operator") == "local\ndata\n1500\n")
    }

    private func release(_ machine: Machine) throws -> String {
        try machine.run("cat /usr/share/boot-tests/release 2>/dev/null || echo 1").filter { !$0.isWhitespace }
    }

    @Test("an upgrade starts with the next boot, a rollback with the one after, and local changes stay in both")
    func thereAndBack() throws {
        let fixture = try BootFixture.shared.get()
        let machine = try Machine(fixture.disk("systemd-boot"), firmware: .uefi, origin: fixture.origin)
        try machine.boot()
        _ = try machine.waitUntilStarted()
        try machine.run(Self.changes)
        print(try machine.run("time hostctl upgrade --progress none", timeout: 400))
        #expect(try release(machine) == "1")
        try machine.restart()
        #expect(try release(machine) == "2")
        try expectChanges(machine)
        print(try machine.run("hostctl status; ls /boot/efi/loader/entries; time hostctl rollback"))
        try machine.restart()
        #expect(try release(machine) == "1")
        try expectChanges(machine)
    }
}
