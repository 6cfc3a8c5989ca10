import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// The life of a host, with the stock tools looking on.
@Suite struct MainLineTests {
    @Test("install, upgrade, roll back, pin and unpin: after each step the stock tools see the same")
    func mainLine() throws {
        let host = try HostFixture()
        try host.expectAgreement(["1"])
        #expect(try host.change("upgrade").text.contains("lean-host/stable 2 is deployed: "))
        try host.expectAgreement(["2", "1"])
        #expect(try host.change("rollback").text.contains("lean-host/stable 1 (deployment 0) is the default now"))
        try host.expectAgreement(["1", "2"])
        try host.change("upgrade")
        try host.expectAgreement(["2", "1"])
        try host.change("pin", "0")
        try host.expectAgreement(["2*", "1"])
        try host.publish("3")
        try host.change("upgrade")
        try host.expectAgreement(["3", "2*"])
        try host.publish("4")
        try host.change("upgrade")
        try host.expectAgreement(["4", "3", "2*"])
        try host.change("unpin", "2")
        try host.expectAgreement(["4", "3", "2"])
        try host.publish("5")
        try host.change("upgrade")
        try host.expectAgreement(["5", "4"])
    }

    @Test("two rollbacks are none")
    func twoRollbacks() throws {
        let host = try HostFixture.prepared()
        try host.change("rollback")
        try host.change("rollback")
        try host.expectAgreement(["2", "1"])
    }

    @Test("the answers of rollback, pin and unpin are JSON, too")
    func answers() throws {
        let host = try HostFixture.prepared()
        let pinned = try host.changeJSON("pin", "1")
        #expect(try pinned.integer("index") == 1)
        #expect(try pinned.bool("pinned"))
        #expect(try host.changeJSON("unpin", "1").bool("pinned") == false)
        let back = try host.changeJSON("rollback")
        #expect(try back.string("version") == "1")
        #expect(try back.bool("default"))
    }

    @Test("pinning a deployment twice, or unpinning one that is not pinned, changes nothing")
    func pinTwice() throws {
        let host = try HostFixture.prepared()
        try host.change("unpin", "0")
        for _ in 1...2 { try host.change("pin", "0") }
        try host.expectAgreement(["2*", "1"])
    }

    @Test("an index that no deployment has is an error that names it")
    func unknownIndex() throws {
        let host = try HostFixture.prepared()
        expect(try host.onSysroot("pin", "7"), 1, "7")
        try host.expectAgreement(["2", "1"])
    }

    @Test("a rollback without another deployment is refused")
    func noRollback() throws {
        let host = try HostFixture()
        expect(try host.onSysroot("rollback"), 1)
        try host.expectAgreement(["1"])
    }

    @Test("local changes of /etc and a local user survive an upgrade; the rest of /etc is the new release's")
    func localChanges() throws {
        let host = try HostFixture(releases: [], installed: nil)
        var image = HostFixture.image("1")
        image.files["usr/etc/passwd"] = "root:x:0:0::/root:/bin/sh\n"
        image.files["usr/etc/motd"] = "one\n"
        image.files["usr/etc/unwanted"] = "unwanted\n"
        try host.publish(image)
        try host.install()
        let etc = try "ostree/deploy/host/deploy/\(host.folder().lastComponent?.string ?? "")/etc"
        let users = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
        try host.sysroot.write("\(etc)/passwd", users)
        try host.sysroot.write("\(etc)/setting", "mine\n")
        try host.sysroot.write("\(etc)/new", "new\n")
        #expect(try run(["/bin/rm", host.root.appending("\(etc)/unwanted").string]).status == 0)

        image.version = "2"
        image.timestamp += 1
        image.files["usr/etc/motd"] = "two\n"
        try host.publish(image)
        try host.change("upgrade")
        let new = try host.folder().appending("etc")
        let texts = ["passwd": users, "setting": "mine\n", "new": "new\n", "motd": "two\n"]
        for (name, text) in texts { #expect(try run(["/bin/cat", new.appending(name).string]).text == text) }
        #expect(try run(["/bin/ls", new.appending("unwanted").string]).status != 0)
        try host.expectAgreement(["2", "1"])
    }

    @Test("a host's own kernel arguments are carried along, the image's are exchanged")
    func kernelArguments() throws {
        let host = try HostFixture(releases: [], installed: nil)
        var image = HostFixture.image("1")
        image.kernelArguments = ["console=ttyS0", "old"]
        try host.publish(image)
        try host.install(arguments: ["--kernel-argument", "quiet", "--kernel-argument", "mine=1"])
        var arguments = try host.deployments()[0].strings("kernel-arguments")
        for argument in ["console=ttyS0", "old", "quiet", "mine=1"] { #expect(arguments.contains(argument)) }

        image.version = "2"
        image.kernelArguments = ["console=ttyS0", "new"]
        try host.publish(image)
        try host.change("upgrade")
        arguments = try host.deployments()[0].strings("kernel-arguments")
        for argument in ["console=ttyS0", "new", "quiet", "mine=1"] { #expect(arguments.contains(argument)) }
        #expect(!arguments.contains("old"))
    }
}
