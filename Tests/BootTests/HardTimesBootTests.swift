import TestSupport
import Testing

/// What goes wrong around updates of a host that runs: nothing is half done, and the host comes up.
@Suite(
    "hard times", .enabled(if: BootFixture.isPossible && BootFixture.isCampaign, "only HOSTCTL_CAMPAIGN"), .serialized)
struct HardTimesBootTests {
    /// A machine with release 1 that has come up, and follows `releases`.
    private func started(_ releases: OwnReleases, clock: String? = nil) throws -> Machine {
        let machine = try releases.machine()
        machine.clock = clock
        try machine.boot()
        #expect(try machine.waitUntilStarted() == "running")
        return machine
    }

    @Test("both sides change a file of /etc: told when it is staged; fail stages nothing, new takes the image's")
    func conflict() throws {
        let releases = try OwnReleases()
        try releases.fixture.derive("3", ["usr/etc/issue": "of release 3\n", "usr/share/boot-tests/release": "3\n"])
        let machine = try started(releases)
        try machine.run("echo of this host >/etc/issue")
        let failed = try machine.attempt("hostctl upgrade --etc-policy fail --progress none", timeout: 400)
        #expect(failed.status == 1 && failed.output.contains("issue"), "\(failed.output)")
        #expect(try !machine.run("hostctl status").contains("(staged"))
        let kept = try machine.run("hostctl upgrade --progress none", timeout: 400)
        #expect(kept.contains("issue"), "\(kept)")
        try machine.restart()
        #expect(try machine.release() == "3")
        #expect(try machine.run("cat /etc/issue") == "of this host\n")
    }

    @Test(
        "a boot partition that is full: exit code 4 and nothing changed; --prune goes on without what was good before")
    func full() throws {
        let releases = try OwnReleases()
        try releases.fixture.deriveKernel("3")
        let machine = try started(releases)
        let entries = "ls /boot/efi/loader/entries; ls /sysroot/ostree/deploy/host/deploy"
        let before = try machine.run(entries)
        try machine.run("dd if=/dev/zero of=/boot/efi/full bs=64k 2>/dev/null; true")
        let refused = try machine.attempt("hostctl upgrade --progress none", timeout: 400)
        #expect(refused.status == 4, "\(refused.output)")
        // The only other deployment is the one that runs.
        let inVain = try machine.attempt("hostctl upgrade --prune --progress none", timeout: 400)
        #expect(inVain.status == 4, "\(inVain.output)")
        #expect(try machine.run(entries) == before)
        try machine.run("rm /boot/efi/full; hostctl upgrade --progress none", timeout: 400)
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "3")
        try releases.fixture.deriveKernel("4")
        try machine.run("dd if=/dev/zero of=/boot/efi/full bs=64k 2>/dev/null; true")
        let offered = try machine.attempt("hostctl upgrade --progress none", timeout: 400)
        #expect(offered.status == 4 && offered.output.contains("--prune frees"), "\(offered.output)")
        try machine.run("hostctl upgrade --prune --progress none", timeout: 400)
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "4")
        #expect(try machine.run("ls /boot/efi/hostctl").split(separator: "\n").count == 2)
    }

    @Test("a boot partition that cannot be written to: told when it is staged, and nothing changed")
    func readOnly() throws {
        let machine = try started(OwnReleases())
        try machine.run("mount -o remount,ro /boot/efi")
        let refused = try machine.attempt("hostctl upgrade --progress none", timeout: 400)
        #expect(refused.status != 0 && refused.output.contains("/boot/efi"), "\(refused.output)")
        try machine.run("mount -o remount,rw /boot/efi; hostctl upgrade --progress none", timeout: 400)
        try machine.restart()
        #expect(try machine.release() == "2")
    }

    @Test("a clock that says 1970: upgrade, good boot, rollback")
    func clock() throws {
        let machine = try started(OwnReleases(), clock: "1970-01-02T00:00:00")
        try machine.run("hostctl upgrade --progress none", timeout: 400)
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "2")
        #expect(try !machine.run("ls /boot/efi/loader/entries").contains("+"))
        try machine.run("hostctl rollback")
        try machine.restart()
        #expect(try machine.release() == "1")
    }

    @Test("ten upgrades, one after the other, and thirty in the long campaign: nothing grows")
    func many() throws {
        let releases = try OwnReleases()
        let machine = try started(releases)
        let count = """
            ls /boot/efi/loader/entries /boot/efi/hostctl /sysroot/ostree/hostctl/boot/host \
                /sysroot/ostree/deploy/host/deploy /sysroot/ostree/repo/refs/heads/hostctl/deployments/host | wc -l
            """
        var counts: [String] = []
        for number in 3..<(Campaign.count(orElse: 10) >= 30 ? 33 : 13) {
            try releases.fixture.derive("\(number)", ["usr/share/boot-tests/release": "\(number)\n"])
            try machine.run("hostctl upgrade --progress none", timeout: 400)
            try machine.restart()
            #expect(try machine.waitUntilStarted() == "running")
            #expect(try machine.release() == "\(number)")
            counts.append(try machine.run(count))
        }
        // The first upgrade has nothing to remove.
        #expect(Set(counts.dropFirst()).count == 1, "\(counts)")
    }

    @Test("the timer updates, restarts and marks good without a hand")
    func timer() throws {
        let machine = try started(OwnReleases())
        try machine.run(
            """
            mkdir -p /etc/hostctl /etc/systemd/system/hostctl-upgrade.timer.d
            printf '[Upgrade]\\nPolicy=reboot\\n' >/etc/hostctl/hostctl.conf
            printf '[Timer]\\nOnCalendar=\\nRandomizedDelaySec=0\\nOnActiveSec=2\\n' \
                >/etc/systemd/system/hostctl-upgrade.timer.d/now.conf
            systemctl daemon-reload && systemctl start hostctl-upgrade.timer
            """)
        try machine.waitForEnd()
        try machine.boot()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "2")
        #expect(try machine.run("hostctl boot status").contains("booted, good"))
    }

    @Test("a container runs, with cgroup v2 alone")
    func container() throws {
        let machine = try started(OwnReleases())
        #expect(try machine.run("stat -f -c %T /sys/fs/cgroup") == "cgroup2fs\n")
        let output = try machine.run(
            """
            mkdir -p /var/tmp/c/rootfs/bin && cd /var/tmp/c && cp -L /usr/bin/busybox rootfs/bin/
            for library in $(ldd=/lib64/ld-linux-x86-64.so.2; $ldd --list rootfs/bin/busybox | grep -o '/[^ ]*'); do
                mkdir -p rootfs${library%/*} && cp -L $library rootfs$library
            done
            crun spec
            sed -i 's/"terminal": true/"terminal": false/; s/^\\( *\\)"sh"$/\\1"\\/bin\\/busybox", "echo", "inside"/' config.json
            crun run trial
            """)
        #expect(output.contains("inside"), "\(output)")
    }
}
