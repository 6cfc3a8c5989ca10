import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl status`, after what other commands did or failed to do.
@Suite struct StatusTests {
    @Test("the text names what is followed, each deployment and its place")
    func text() throws {
        let host = try HostFixture.prepared()
        let text = try host.change("status").text
        for part in [
            "Follows   lean-host/stable", "Origin    \(host.address)", "0  lean-host/stable 2  (default)",
            "1  lean-host/stable 1  (rollback)", "good, by trusted key", "by 'hostctl upgrade'",
        ] {
            #expect(text.contains(part), "\(part) is missing from:\n\(text)")
        }
        try host.change("pin", "1")
        #expect(try host.change("status").text.contains("1  lean-host/stable 1  (rollback, pinned)"))
    }

    @Test("a failed upgrade is told until one works")
    func failure() throws {
        let host = try HostFixture()
        let gone = host.sysroot.beside("gone").string
        #expect(rename(host.origin.string, gone) == 0)
        let reason = try host.onSysroot("upgrade", "--json").jsonError.string("error")
        let failure = try host.status().fields("last-failure")
        #expect(try failure.string("command") == "hostctl upgrade")
        #expect(try failure.string("reason") == reason)
        #expect(try host.change("status").text.contains("The last change failed: 'hostctl upgrade'"))
        #expect(rename(gone, host.origin.string) == 0)
        try host.change("upgrade")
        #expect(try !host.status().has("last-failure"))
        try host.expectAgreement(["2", "1"])
    }

    @Test("a failed rollback is told, and forgotten after another change")
    func failedRollback() throws {
        let host = try HostFixture()
        #expect(try host.onSysroot("rollback").status == 1)
        #expect(try host.status().fields("last-failure").string("command") == "hostctl rollback")
        try host.change("upgrade")
        #expect(try !host.status().has("last-failure"))
    }

    @Test("who may not read the store sees what the last change has written")
    func unprivileged() throws {
        let host = try HostFixture.prepared()
        try host.change("upgrade")
        // The executable and the folder, where anyone can reach them.
        let folder = host.root.removingLastComponent()
        #expect(chmod(folder.string, 0o755) == 0)
        let program = folder.appending("hostctl").string
        #expect(try run(["/bin/cp", BuiltProducts.hostctl, program]).status == 0)
        let command = ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program]
        let result = try run(command + ["status", "--json", "--sysroot", host.root.string])
        expect(result, 0)
        let status = try result.json
        #expect(try status.integer("written") > 0)
        #expect(try status.objects("deployments").map { try $0.string("version") } == ["3", "2"])
        let text = try run(command + ["status", "--sysroot", host.root.string]).text
        #expect(text.contains("As of"), "\(text)")
        #expect(text.contains("0  lean-host/stable 3  (default)"))
    }

    @Test("an empty folder is no sysroot")
    func empty() throws {
        let folder = try TemporaryFolder()
        let command = [BuiltProducts.hostctl, "status", "--sysroot", folder.path.string]
        expect(try run(command), 1, "is not a sysroot")
        #expect(try run(command + ["--json"]).jsonError.integer("exit_code") == 1)
    }

    @Test("a sysroot of stock tools is shown, and upgrades say that it follows nothing")
    func stock() throws {
        let sysroot = try TestSysroot.stock()
        _ = try TestImage("1").commit(to: sysroot.store)
        try sysroot.stockDeploy()
        let result = try run([BuiltProducts.hostctl, "status", "--json", "--sysroot", sysroot.root.string])
        #expect(try result.json.objects("deployments").map { try $0.string("version") } == ["1"])
        expect(try run([BuiltProducts.hostctl, "upgrade", "--sysroot", sysroot.root.string]), 1, "hostctl switch")
    }

    @Test("a password in the origin's address is not in what everyone may read")
    func password() throws {
        let host = try HostFixture.prepared()
        let address = "http://user:secret@127.0.0.1:1/"
        expect(try host.onSysroot("switch", HostFixture.channel, "--origin", address), 1, "auth.conf")
        let text = try host.sysroot.read("ostree/hostctl/status")
        #expect(text.contains("last-failure"))
        #expect(!text.contains("secret"), "\(text)")
    }

    @Test("a reader that goes away does not matter to status")
    func brokenPipe() throws {
        let host = try HostFixture.prepared()
        let command = "'\(BuiltProducts.hostctl)' status --sysroot '\(host.root)' | true; exit ${PIPESTATUS[0]}"
        let result = try run(["/bin/bash", "-c", command])
        #expect(result.status == 0 || result.status == 1, "\(result.end)")
    }
}
