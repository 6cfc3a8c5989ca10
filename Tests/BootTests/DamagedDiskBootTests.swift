import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Disks that are not as they were left: the host comes up all the same.
@Suite("damaged disks", .enabled(if: BootFixture.startsAll, BootFixture.allReason), .serialized)
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
        // The firmware still reads it, the kernel finds none of this name, and waits for it as long as is said.
        let change = "s/^PARTUUID=[^ ]* \\(.*\\)=3min/PARTUUID=00000000-0000-4000-8000-000000000000 \\1=5s/"
        try machine.run("sed -i '\(change)' /etc/fstab; grep -q 0000.*=5s /etc/fstab")
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.attempt("mountpoint -q /boot/efi").status != 0)
        #expect(try machine.run("hostctl status").contains("the boot partition is not mounted at /boot/efi"))
        #expect(try machine.run("systemctl is-active multi-user.target") == "active\n")
        let refused = try machine.attempt("hostctl upgrade --progress none", timeout: 400)
        #expect(refused.status == 1 && refused.output.contains("/boot/efi"), "\(refused.output)")
        #expect(try !machine.run("hostctl status").contains("staged"))
    }

    /// What GRUB counts tries in is not as it was left.
    enum BlockDamage: String, CaseIterable {
        case torn = "dd if=/dev/zero of=/boot/efi/grub/grubenv bs=512 count=1 conv=notrunc 2>/dev/null"
        case cut = "truncate -s 512 /boot/efi/grub/grubenv"
        case empty = ": >/boot/efi/grub/grubenv"
        case gone = "rm /boot/efi/grub/grubenv"
    }

    @Test(
        "whatever becomes of GRUB's environment block, the host comes up, and the next update is counted in a new one",
        arguments: BootFixture.isCampaign ? BlockDamage.allCases : [.torn])
    func environmentBlock(_ damage: BlockDamage) throws {
        let fixture = try BootFixture.shared.get()
        let machine = try Machine(fixture.disk("grub"), firmware: .bios, origin: fixture.origin)
        try machine.boot()
        _ = try machine.waitUntilStarted()
        try machine.run("[ -s /boot/efi/grub/grubenv ] && \(damage.rawValue)")
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "1")
        try machine.run("hostctl upgrade --progress none", timeout: 400)
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "2")
        #expect(try machine.run("head -n 1 /boot/efi/grub/grubenv") == "# GRUB Environment Block\n")
        #expect(try machine.run("wc -c </boot/efi/grub/grubenv").filter(\.isNumber) == "1024")
        #expect(try machine.run("hostctl boot status").contains("booted, good"))
    }

    @Test(
        "a new entry that GRUB cannot count is not started; the release before runs, nothing is bad, and a later one boots",
        arguments: [Machine.Firmware.bios] + (BootFixture.isCampaign ? [.uefi] : []))
    func uncountable(_ firmware: Machine.Firmware) throws {
        let releases = try OwnReleases()
        let machine = try releases.machine("grub", firmware: firmware)
        try machine.boot()
        _ = try machine.waitUntilStarted()
        try machine.run("hostctl upgrade --progress none && hostctl finalize --now", timeout: 400)
        #expect(try machine.run("ls /boot/efi/hostctl/grub").contains("host-000002+3.cfg"))
        try machine.run(BlockDamage.torn.rawValue)
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "1")
        let status = try machine.run("hostctl status")
        #expect(status.contains("3 tries left") && !status.contains("did not come up"), "\(status)")
        try releases.fixture.derive("3", ["usr/share/boot-tests/release": "3\n"])
        try machine.run("hostctl upgrade --progress none", timeout: 400)
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "3")
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
