import TestSupport
import Testing

/// A disk as `install disk` made it, started for the first time.
@Suite("first boot", .enabled(if: BootFixture.startsMachines, BootFixture.reason), .serialized)
struct FirstBootTests {
    @Test(
        "a new disk comes up complete by either boot loader and firmware",
        arguments: [("systemd-boot", Machine.Firmware.uefi), ("grub", .bios)]
            + (BootFixture.startsAll ? [("grub", .uefi)] : []))
    func first(loader: String, firmware: Machine.Firmware) throws {
        let machine = try Machine(BootFixture.shared.get().disk(loader), firmware: firmware)
        try machine.boot()
        #expect(try machine.waitUntilStarted() == "running")
        try expectHost(machine)
        print("\(loader), \(firmware): \(try machine.run("systemd-analyze time | head -n 1"))")
        print(try machine.run("systemd-analyze blame | head -n 12; free -m | head -n 2; df -k /boot/efi / | tail -n 2"))
    }

    /// What each of them must be.
    private func expectHost(_ machine: Machine) throws {
        let status = try machine.run("hostctl status --json")
        #expect(status.contains("\"version\":\"1\"") || status.contains("\"version\": \"1\""))
        #expect(try machine.run("cat /proc/cmdline").contains("ostree=/ostree/hostctl/boot/host/"))
        // As ostree-prepare-root leaves them, and libostree expects them.
        let mounts = try machine.run(
            "awk '$1 == \"/dev/vda3\" { print $2, substr($4, 1, 2) }' /proc/self/mounts | sort; ostree admin status")
        #expect(mounts.hasPrefix("/ rw\n/boot rw\n/sysroot rw\n/usr ro\n/var rw\n* host "), "\(mounts)")
        let size = try machine.run("stat -L -c %s /boot/efi/hostctl/*/initramfs.img").filter(\.isNumber)
        #expect(Int(size).map { $0 <= 8_000_000 } == true, "\(size)")
        // /usr and / cannot be written to, /etc and /var can, and the boot partition is there.
        #expect(try machine.attempt("touch /usr/x").status != 0)
        #expect(try machine.attempt("touch /x").status != 0)
        try machine.run("touch /etc/x /var/x /boot/efi/x && rm /boot/efi/x && mountpoint /boot/efi")
        #expect(try machine.run("cat /etc/hostname") == "boot-test\n")
        #expect(try machine.run("cat /etc/machine-id").count == 33)
        #expect(try machine.run("hostctl verify --json >/dev/null; echo $?") == "0\n")
    }
}
