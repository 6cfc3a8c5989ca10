import TestSupport
import Testing

/// What goes wrong around updates of a host that runs: nothing is half done, and the host comes up.
@Suite("hard times", .enabled(if: BootFixture.startsMachines, BootFixture.reason), .serialized)
struct HardTimesBootTests {
    /// A machine with release 1 that has come up, and follows `releases`.
    private func started(_ releases: OwnReleases, clock: String? = nil) throws -> Machine {
        let machine = try releases.machine()
        machine.clock = clock
        try machine.boot()
        #expect(try machine.waitUntilStarted() == "running")
        return machine
    }

    @Test(
        "both sides change a file of /etc: told when it is staged; fail stages nothing, keep and new choose a side",
        .enabled(if: BootFixture.isCampaign, "only HOSTCTL_CAMPAIGN"))
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
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "3")
        #expect(try machine.run("cat /etc/issue") == "of this host\n")

        // The host's is still another one than release 3 has, and release 4 changes it again.
        try releases.fixture.derive("4", ["usr/etc/issue": "of release 4\n", "usr/share/boot-tests/release": "4\n"])
        let replaced = try machine.run("hostctl upgrade --etc-policy new --progress none", timeout: 400)
        #expect(replaced.contains("issue"), "\(replaced)")
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "4")
        #expect(try machine.run("cat /etc/issue") == "of release 4\n")
        // It went from this release's /etc alone.
        try machine.run("hostctl rollback")
        try machine.restart()
        #expect(try machine.release() == "3")
        #expect(try machine.run("cat /etc/issue") == "of this host\n")
    }

    @Test(
        "a boot partition that is full: exit code 4 and nothing changed; --prune goes on without what was good before",
        .enabled(if: BootFixture.isCampaign, "only HOSTCTL_CAMPAIGN"))
    func full() throws {
        let releases = try OwnReleases()
        try releases.fixture.deriveKernel("3")
        let machine = try started(releases)
        let entries = "ls /boot/efi/loader/entries; ls /sysroot/ostree/deploy/host/deploy"
        let before = try machine.run(entries)
        // All but some of what is always to stay free.
        let fill = """
            free=$(df -k /boot/efi | awk 'END { print $4 }')
            dd if=/dev/zero of=/boot/efi/full bs=64k count=$((free / 64 - 8)) 2>/dev/null
            """
        try machine.run(fill)
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
        try machine.run(fill)
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

    @Test(
        "a clock that says 1970: upgrade, good boot, rollback",
        .enabled(if: BootFixture.isCampaign, "only HOSTCTL_CAMPAIGN"))
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

    @Test(
        "ten upgrades, one after the other, and thirty in the long campaign: nothing grows",
        .enabled(if: BootFixture.isCampaign, "only HOSTCTL_CAMPAIGN"))
    func many() throws {
        let releases = try OwnReleases()
        let machine = try started(releases)
        let count = """
            ls /boot/efi/loader/entries /boot/efi/hostctl /sysroot/ostree/hostctl/boot/host \
                /sysroot/ostree/deploy/host/deploy /sysroot/ostree/repo/refs/heads/hostctl/deployments/host | wc -l
            """
        var counts: [String] = []
        var sizes: [Sizes] = []
        let last = Campaign.count(orElse: 10) >= 30 ? 32 : 12
        for number in 3...last {
            try releases.fixture.derive("\(number)", ["usr/share/boot-tests/release": "\(number)\n"])
            try machine.run("hostctl upgrade --progress none", timeout: 400)
            try machine.restart()
            #expect(try machine.waitUntilStarted() == "running")
            #expect(try machine.release() == "\(number)")
            counts.append(try machine.run(count))
            // Objects go by a cleanup alone. By the third upgrade nothing is left of the release that was installed.
            if number == 5 || number == last { sizes.append(try Sizes(machine)) }
        }
        // The first upgrade has nothing to remove, and the second one goes from a release that has a kernel of its own.
        #expect(Set(counts.dropFirst(2)).count == 1, "\(counts)")
        print("after the third upgrade and after the last one: \(sizes)")
        guard sizes.count == 2 else { return }
        // The history grows by some lines, and a folder of the store may need another block. A release has six objects and
        // more of its own, 24 KiB: of seven that stay behind it would be 168.
        #expect(sizes[1].store - sizes[0].store <= 64, "\(sizes)")
        #expect(abs(sizes[1].boot - sizes[0].boot) <= 16, "\(sizes)")
    }

    /// What a host takes after a cleanup, in KiB.
    private struct Sizes {
        /// Of the store, the deployments and hostctl's own state, without /var.
        let store: Int
        /// Of the boot partition.
        let boot: Int

        init(_ machine: Machine) throws {
            let script = """
                hostctl cleanup >/dev/null && sync && cd /sysroot/ostree || exit 1
                du -sk repo hostctl deploy/host/deploy | awk '{ sum += $1 } END { print sum }'
                df -k /boot/efi | awk 'END { print $3 }'
                """
            let numbers = try machine.run(script, timeout: 400).split(separator: "\n").compactMap { Int($0) }
            guard numbers.count == 2 else { throw machine.failure("no sizes: \(numbers)") }
            (store, boot) = (numbers[0], numbers[1])
        }
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
        let groups = "awk '$3 ~ /^cgroup/ { print $2, $3 }' /proc/self/mounts"
        #expect(try machine.run(groups) == "/sys/fs/cgroup cgroup2\n")
        let output = try machine.run(
            """
            mkdir -p /var/tmp/c/rootfs/bin && cd /var/tmp/c && cp -L /usr/bin/busybox rootfs/bin/
            for library in $(ldd=/lib64/ld-linux-x86-64.so.2; $ldd --list rootfs/bin/busybox | grep -o '/[^ ]*'); do
                mkdir -p rootfs${library%/*} && cp -L $library rootfs$library
            done
            crun spec && tr '\\n' ' ' <config.json >spec.json
            args='["/bin/busybox", "echo", "inside"]'
            sed 's/"terminal": *true/"terminal": false/; s|"args": *\\[[^]]*\\]|"args": '"$args|" spec.json >config.json
            crun run trial
            """)
        #expect(output.contains("inside"), "\(output)")
    }
}
