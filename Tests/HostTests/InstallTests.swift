import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl install sysroot`.
@Suite struct InstallTests {
    @Test("the newest release is installed, and the answer says what came")
    func newest() throws {
        let host = try HostFixture(installed: nil)
        let answer = try host.succeed(host.installation() + ["--json"]).json
        #expect(try answer.string("result") == "deployed")
        #expect(try answer.string("version") == "2")
        #expect(try answer.fields("fetched").integer("objects") > 20)
        try host.expectAgreement(["2"])
    }

    @Test(
        "a number of tries that no loader can count is refused with its place, before a disk is made",
        arguments: ["0", "-1", "10", "1000", "x"])
    func diskTries(_ number: String) throws {
        let host = try HostFixture.empty()
        let folder = try TemporaryFolder()
        let disk = folder.path.appending("disk.raw")
        let config = try folder.write(
            "host.conf",
            text: """
                [Install]
                Origin=\(host.address)
                Channel=\(HostFixture.channel)
                TrustedKeys=\(host.publicKey)
                Tries=\(number)

                """)
        expect(try host.hostctl(["install", "disk", disk.string, "--config", config.string]), 1, "\(config):5")
        #expect(!Files.exists(disk))
    }

    @Test("an installed sysroot is not installed into again")
    func twice() throws {
        let host = try HostFixture.prepared()
        let before = try host.sysroot.snapshot()
        expect(try host.hostctl(host.installation()), 1, "hostctl upgrade")
        #expect(try host.sysroot.snapshot() == before)
    }

    @Test("with the wrong key nothing is written")
    func wrongKey() throws {
        let host = try HostFixture(installed: nil)
        let key = host.sysroot.beside("other.pem").string
        try host.succeed("key", "generate", key)
        let arguments = host.installation().map { $0 == host.publicKey.string ? "\(key).pub" : $0 }
        expect(try host.hostctl(arguments), 3, "no trusted key has signed it")
        #expect(try Files.names(in: host.root) == [])
    }

    @Test("a channel or version that is not there: nothing is written", arguments: ["--version", "--channel"])
    func missing(_ option: String) throws {
        let host = try HostFixture(installed: nil)
        expect(try host.hostctl(host.installation() + [option, "none"]), 1, "there is no release")
        #expect(try Files.names(in: host.root) == [])
    }

    @Test("a key file that is none is named", arguments: ["missing", "empty", "private"])
    func notAKey(_ kind: String) throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        let path = kind == "private" ? host.key : host.sysroot.beside("\(kind).pem")
        if kind == "empty" { try Files.replace(path, with: []) }
        let result = try host.hostctl(host.installation().map { $0 == host.publicKey.string ? path.string : $0 })
        expect(result, 1, path.string)
        #expect(try Files.names(in: host.root) == [])
    }

    @Test("relative paths are those of the current folder")
    func relative() throws {
        let host = try HostFixture(installed: nil)
        let folder = host.root.removingLastComponent().string
        let result = try run(
            [
                "/usr/bin/env", "-C", folder, BuiltProducts.hostctl, "install", "sysroot", "sysroot", "--origin",
                "./origin",
            ]
                + ["--channel", HostFixture.channel, "--trusted-key", "release.pem.pub"])
        expect(result, 0)
        #expect(try host.status().string("origin") == "file://\(folder)/origin")
        try host.expectAgreement(["2"])
    }

    @Test("two stateroots' names are possible, none with a slash", arguments: ["../x", "a/b", ""])
    func stateroot(_ name: String) throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        let result = try host.hostctl(host.installation() + ["--stateroot", name])
        #expect(result.status == 1 || result.status == 2, "\(result.end) \(result.errorText)")
        #expect(try Files.names(in: host.root) == [])
    }

    @Test("a folder that does not exist yet is made")
    func newFolder() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        let folder = host.sysroot.beside("new/folder").string
        try host.succeed(host.installation().map { $0 == host.root.string ? folder : $0 } + ["--stateroot", "other"])
        let status = try host.succeed("status", "--sysroot", folder, "--json").json
        #expect(try status.objects("deployments").map { try $0.string("stateroot") } == ["other"])
    }
}
