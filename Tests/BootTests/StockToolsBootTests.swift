import TestSupport
import Testing

/// Stock `ostree admin` on a host that runs, in between.
@Suite(
    "stock tools", .enabled(if: BootFixture.startsMachines && BootFixture.isCampaign, "only HOSTCTL_CAMPAIGN"),
    .serialized)
struct StockToolsBootTests {
    @Test("status, pin, undeploy, cleanup and prune of stock ostree leave our boot entries, and what they lead to")
    func inBetween() throws {
        let fixture = try BootFixture.shared.get()
        let machine = try Machine(fixture.disk("systemd-boot"), firmware: .uefi, origin: fixture.origin)
        try machine.boot()
        #expect(try machine.waitUntilStarted() == "running")
        try expectEntriesLeadSomewhere(machine, deployments: 1)
        let first = try machine.run("ostree admin status")
        #expect(first.contains("* host") && first.contains(".0"), "\(first)")
        try machine.run("hostctl upgrade --progress none", timeout: 400)
        // What is staged is no entry yet, and stays staged.
        try machine.run("ostree admin status; ostree admin pin 0; ostree admin cleanup; ostree admin pin --unpin 0")
        #expect(try machine.run("hostctl status").contains("staged"))
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "2")
        try expectEntriesLeadSomewhere(machine, deployments: 2)
        try machine.run(
            "ostree admin pin 1; ostree admin cleanup; ostree prune --refs-only; ostree admin pin --unpin 1")
        try expectEntriesLeadSomewhere(machine, deployments: 2)
        // The rollback goes out of the list of stock tools; whatever hostctl makes of that, what has an entry boots.
        _ = try machine.attempt("ostree admin undeploy 1")
        try machine.run("ostree admin status; hostctl status")
        try machine.restart()
        #expect(try machine.waitUntilStarted() == "running")
        #expect(try machine.release() == "2")
        // The entry of what was undeployed leads nowhere, and is said to, until the next cleanup.
        let status = try machine.run("hostctl status")
        #expect(status.contains("folder is missing"), "\(status)")
        print(try machine.run("hostctl cleanup"))
        try expectEntriesLeadSomewhere(machine, deployments: 1)
        let verified = try machine.attempt("hostctl verify")
        #expect(verified.status == 0, "\(verified.output)")
    }

    /// Each entry's kernel, permanent link and deployment are there.
    private func expectEntriesLeadSomewhere(_ machine: Machine, deployments: Int) throws {
        let output = try machine.run(
            """
            cd /boot/efi/loader/entries || exit 1
            for entry in *.conf; do
                link=$(sed -n 's/.*ostree=\\([^ ]*\\).*/\\1/p' $entry)
                [ -x /sysroot$link/usr/lib/systemd/systemd ] || { echo "$entry: $link leads nowhere"; exit 1; }
                [ -s /boot/efi$(sed -n 's/^linux *//p' $entry) ] || { echo "$entry has no kernel"; exit 1; }
            done
            ls *.conf | wc -l
            """)
        #expect(output.filter(\.isNumber) == "\(deployments)", "\(output)")
    }
}
