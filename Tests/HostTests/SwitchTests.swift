import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl switch`.
@Suite struct SwitchTests {
    @Test("a switch to another channel deploys its newest release, and upgrades follow it from then on")
    func channel() throws {
        let host = try HostFixture()
        try host.publish(HostFixture.image("5", channel: "lean-host/testing"))
        try host.change("switch", "lean-host/testing")
        try host.expectAgreement(["5", "1"])
        #expect(try host.status().string("channel") == "lean-host/testing")
        #expect(try host.deployments().map { try $0.string("channel") } == ["lean-host/testing", "lean-host/stable"])
        try host.publish(HostFixture.image("6", channel: "lean-host/testing"))
        try host.change("upgrade")
        try host.expectAgreement(["6", "5"])
    }

    @Test("a switch back to a channel with older releases needs --allow-downgrade")
    func back() throws {
        let host = try HostFixture()
        try host.publish(HostFixture.image("5", channel: "lean-host/testing"))
        try host.change("switch", "lean-host/testing")
        expect(try host.onSysroot("switch", "lean-host/stable"), 3, "--allow-downgrade")
        #expect(try host.status().string("channel") == "lean-host/testing")
        try host.change("switch", "lean-host/stable", "--allow-downgrade")
        try host.expectAgreement(["2", "5"])
        #expect(try host.status().string("channel") == "lean-host/stable")
    }

    @Test("a switch to another origin: the first is no longer needed")
    func origin() throws {
        let host = try HostFixture()
        let other = host.sysroot.beside("other")
        try host.succeed("release", "init", other.string)
        try host.publish(HostFixture.image("3"), to: other)
        try host.change("switch", HostFixture.channel, "--origin", other.string)
        #expect(rename(host.origin.string, host.sysroot.beside("gone").string) == 0)
        try host.expectAgreement(["3", "1"])
        #expect(try host.status().string("origin") == "file://\(other)")
        #expect(try host.changeJSON("upgrade").string("result") == "unchanged")
    }

    @Test("a switch to another origin of what is deployed already follows it from then on")
    func sameRelease() throws {
        let host = try HostFixture.prepared()
        let copy = host.sysroot.beside("copy")
        #expect(try run(["/bin/cp", "-a", host.origin.string, copy.string]).status == 0)
        try host.change("upgrade")
        #expect(
            try host.changeJSON("switch", HostFixture.channel, "--origin", copy.string).string("result") == "unchanged")
        #expect(try host.status().string("origin") == "file://\(copy)")
    }

    @Test(
        "a switch that fails leaves what is followed as it was",
        arguments: ["lean-host/none", "../escape", "x86_64", "a//b"])
    func missingChannel(_ channel: String) throws {
        let host = try HostFixture.prepared()
        expect(try host.onSysroot("switch", channel), 1)
        #expect(try host.status().string("channel") == HostFixture.channel)
        try host.expectAgreement(["2", "1"])
    }

    @Test("a switch to an origin of strangers is refused")
    func strangers() throws {
        let host = try HostFixture.prepared()
        let other = try HostFixture(releases: ["4"], installed: nil)
        expect(try host.onSysroot("switch", HostFixture.channel, "--origin", other.address), 3, "no trusted key")
        #expect(try host.status().string("origin") == host.address)
        try host.expectAgreement(["2", "1"])
    }

    @Test("switch --check changes nothing")
    func check() throws {
        let host = try HostFixture()
        try host.publish(HostFixture.image("5", channel: "lean-host/testing"))
        let before = try host.sysroot.snapshot()
        #expect(try host.changeJSON("switch", "lean-host/testing", "--check").string("version") == "5")
        #expect(try host.sysroot.snapshot() == before)
    }

    @Test("switch --download-only does not follow yet; --from-downloaded does")
    func downloaded() throws {
        let host = try HostFixture()
        try host.publish(HostFixture.image("5", channel: "lean-host/testing"))
        try host.change("switch", "lean-host/testing", "--download-only")
        #expect(try host.status().string("channel") == HostFixture.channel)
        expect(try host.onSysroot("upgrade", "--from-downloaded"), 1, "what was downloaded is lean-host/testing 5")
        try host.change("switch", "lean-host/testing", "--from-downloaded")
        #expect(try host.status().string("channel") == "lean-host/testing")
        try host.expectAgreement(["5", "1"])
    }
}
