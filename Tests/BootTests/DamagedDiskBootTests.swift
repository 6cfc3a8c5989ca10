import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Disks that are not as they were left: the host comes up all the same.
@Suite("damaged disks", .enabled(if: BootFixture.startsMachines, BootFixture.reason), .serialized)
struct DamagedDiskBootTests {
    /// Where the root's partition begins: behind the first MiB, GRUB's, and the boot partition's 256.
    private static let root = 258 << 20

    @Test(
        "a root whose superblock is torn or gone is mended by the initramfs",
        arguments: BootFixture.isCampaign ? [(0, 1024), (0, 512), (512, 512)] : [(0, 512)])
    func superblock(start: Int, count: Int) throws {
        let machine = try Machine(BootFixture.shared.get().disk("systemd-boot"), firmware: .uefi)
        try Machine.need(
            run([
                "/usr/bin/qemu-io", "-f", "qcow2", "-c", "write -q -P 0x55 \(Self.root + 1024 + start) \(count)",
                machine.disk.string,
            ]))
        try machine.boot()
        #expect(try machine.console.contains("mending what can be mended"))
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.run("hostctl verify --json >/dev/null; echo $?") == "0\n")
        #expect(try machine.run("dmesg | grep -c 'EXT4-fs error'; true") == "0\n")
    }

    @Test("a boot partition that is gone does not keep the host from coming up; an update is refused, not half done")
    func bootPartition() throws {
        let fixture = try BootFixture.shared.get()
        let machine = try Machine(fixture.disk("systemd-boot"), firmware: .uefi, origin: fixture.origin)
        try machine.boot()
        _ = try machine.waitUntilStarted()
        // The firmware still reads it, the kernel finds none of this name.
        try machine.run("sed -i 's/^PARTUUID=[^ ]* /PARTUUID=00000000-0000-4000-8000-000000000000 /' /etc/fstab")
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.attempt("mountpoint -q /boot/efi").status != 0)
        #expect(try machine.run("hostctl status").contains("the boot partition is not mounted at /boot/efi"))
        #expect(try machine.run("systemctl is-active multi-user.target") == "active\n")
        let refused = try machine.attempt("hostctl upgrade --progress none", timeout: 400)
        #expect(refused.status == 1 && refused.output.contains("/boot/efi"), "\(refused.output)")
        #expect(try !machine.run("hostctl status").contains("staged"))
    }

    @Test("the data partition grows with the disk, and its file system with it; again with the next boot")
    func growth() throws {
        let folder = try TemporaryFolder()
        let base = folder.path.appending("data.qcow2")
        try BootFixture.shared.get().install(base, "--size", "2304M", "--root-size", "1600M")
        try Machine.need(run(["/usr/bin/qemu-img", "resize", "-q", base.string, "4G"]))
        let machine = try Machine(base, firmware: .uefi)
        let sizes =
            "echo $(($(cat /sys/class/block/vda4/size) / 2048)) $(df -m /var/data | tail -n 1 | awk '{ print $2 }')"
        for (total, expected) in [(4096, 2237), (5120, 3261)] {
            try machine.boot()
            #expect(try machine.waitUntilStarted() == "running")
            let found = try machine.run(sizes).split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            #expect(found.count == 2 && found[0] == expected && found[1] > expected * 9 / 10, "\(total): \(found)")
            try machine.run("[ -e /var/data/file ] || echo data >/var/data/file; [ \"$(cat /var/data/file)\" = data ]")
            try machine.switchOff()
            try Machine.need(run(["/usr/bin/qemu-img", "resize", "-q", machine.disk.string, "5G"]))
        }
    }
}
