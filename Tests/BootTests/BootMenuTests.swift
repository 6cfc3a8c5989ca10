import TestSupport
import Testing
import TrustMetadata

/// What an operator chooses in a boot loader's menu, with the keyboard.
@Suite("boot menus", .enabled(if: BootFixture.startsAll, BootFixture.allReason), .serialized)
struct BootMenuTests {
    @Test(
        "an older release that is chosen boots once, with its own /etc and the /var of all; nothing is taken for bad",
        arguments: [("systemd-boot", Machine.Firmware.uefi), ("grub", .bios)])
    func older(loader: String, firmware: Machine.Firmware) throws {
        let fixture = try BootFixture.shared.get()
        let machine = try Machine(fixture.disk(loader), firmware: firmware, origin: fixture.origin)
        try machine.boot()
        #expect(try machine.waitUntilStarted() == "running")
        try machine.run("echo first >/etc/first.conf; hostctl upgrade --progress none", timeout: 400)
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "2")
        try machine.run("echo second >/etc/second.conf; mkdir -p /var/lib/second; echo second >/var/lib/second/file")

        let key: MachineKeyboard.Key = loader == "grub" ? .escape : .space
        try machine.restart(choosing: MenuChoice(opening: key, title: "\(BootFixture.channel) 1"))
        #expect(try machine.release() == "1")
        #expect(try machine.waitUntilStarted() == "running")
        try expectOwnFolders(machine)
        try expectOther(machine)

        // Nobody chooses, and the newest one boots, as docs/installation.md says.
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "2")
        #expect(try deployments(machine) == ["2, default, booted", "1"])
        let files = "cat /etc/first.conf /etc/second.conf /var/lib/second/file"
        #expect(try machine.run(files) == "first\nsecond\nsecond\n")
    }

    /// /etc is the one of what runs, and /var that of the stateroot.
    private func expectOwnFolders(_ machine: Machine) throws {
        let script = """
            link=$(sed -n 's/.*ostree=\\([^ ]*\\).*/\\1/p' /proc/cmdline)
            stat -c '%d %i' /etc /var /sysroot$link/etc /sysroot/ostree/deploy/host/var
            """
        let places = try machine.run(script).split(separator: "\n")
        #expect(places.count == 4 && places.prefix(2) == places.suffix(2), "\(places)")
        let files = "ls /etc/first.conf /etc/second.conf 2>/dev/null; cat /var/lib/second/file"
        #expect(try machine.run(files) == "/etc/first.conf\nsecond\n")
    }

    /// It is told everywhere that another release boots next, and none is remembered as bad.
    private func expectOther(_ machine: Machine) throws {
        #expect(try deployments(machine) == ["2, default", "1, booted"])
        let status = try machine.run("hostctl status")
        #expect(status.contains("next boot"), "\(status)")
        #expect(!status.contains("BAD") && !status.contains("did not come up"), "\(status)")
        let journal = try machine.run("journalctl --no-pager -b -u hostctl-boot-record")
        let notice = "\(BootFixture.channel) 1 runs, and \(BootFixture.channel) 2 is the default"
        #expect(journal.contains(notice), "\(journal)")
    }

    /// The deployments of `status`, each with what is said of it.
    private func deployments(_ machine: Machine) throws -> [String] {
        let status = try machine.run("hostctl status --json")
        let records = try JSONFields(strict: Array(status.utf8), what: "status").objects("deployments")
        return try records.map { record in
            let words = try ["default", "booted"].filter { try record.bool($0) }
            return try ([record.string("version")] + words).joined(separator: ", ")
        }
    }
}
