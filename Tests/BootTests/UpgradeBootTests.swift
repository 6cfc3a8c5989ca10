import TestSupport
import Testing

/// Updates of a host that runs.
@Suite("upgrade and back", .enabled(if: BootFixture.startsMachines, BootFixture.reason), .serialized)
struct UpgradeBootTests {
    /// What must survive everything.
    static let changes = """
        echo local >/etc/local.conf
        echo 'operator:x:1500:1500::/var/home/operator:/bin/sh' >>/etc/passwd
        echo 'operator:x:1500:' >>/etc/group
        mkdir -p /var/lib/data && echo data >/var/lib/data/file
        """

    static func expectChanges(_ machine: Machine) throws {
        // The kernel's argument was given when the disk was made, and is the machine's own.
        let script = "cat /etc/local.conf /var/lib/data/file; id -u operator; grep -o clearcpuid=cx16 /proc/cmdline"
        #expect(try machine.run(script) == "local\ndata\n1500\nclearcpuid=cx16\n")
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
        try Self.expectChanges(machine)
        print(try machine.run("hostctl status; ls /boot/efi/loader/entries; time hostctl rollback"))
        try machine.restart()
        #expect(try release(machine) == "1")
        try Self.expectChanges(machine)
    }

    @Test("a factory reset begins with the next boot and a fresh /var; going back brings the old one")
    func factoryReset() throws {
        let fixture = try BootFixture.shared.get()
        let machine = try Machine(fixture.disk("systemd-boot"), firmware: .uefi, origin: fixture.origin)
        try machine.boot()
        _ = try machine.waitUntilStarted()
        try machine.run(Self.changes)
        try machine.run("mkdir -p /var/lib/kept && echo early >/var/lib/kept/file")
        print(try machine.run("hostctl factory-reset --yes --keep /var/lib/kept", timeout: 400))
        // Until the shutdown all is as it was, and what is kept is what is there by then.
        try Self.expectChanges(machine)
        try machine.run("echo late >/var/lib/kept/file")
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(
            try machine.run("cat /var/lib/kept/file; ls -d /etc/local.conf /var/lib/data 2>/dev/null; true") == "late\n"
        )
        try machine.run("echo new >/var/lib/fresh")
        print(try machine.run("hostctl status; hostctl cleanup --dry-run; hostctl rollback"))
        try machine.restart()
        _ = try machine.waitUntilStarted()
        try Self.expectChanges(machine)
        #expect(try !machine.run("ls /var/lib").contains("fresh"))
        print(try machine.run("hostctl status"))
    }
}
