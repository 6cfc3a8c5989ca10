import Checksums
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl release …`.
@Suite struct PublishTests {
    private func list(_ host: HostFixture) throws -> [String] {
        let channels = try JSONValue(
            strict: host.succeed("release", "list", host.origin.string, "--json").output, what: "")
        return try (channels.array ?? []).flatMap { channel in
            try JSONFields(channel, what: "").objects("releases").map { try $0.string("version") }
        }
    }

    private func fsck(_ host: HostFixture) throws {
        try host.sysroot.ostree("fsck", "--quiet", "--repo=\(host.origin)/store")
    }

    @Test("a release that is published twice is published once")
    func twice() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        let again = try host.succeed(host.publication() + ["--json"]).json
        #expect(try again.bool("was_published"))
        #expect(try again.integer("new_objects") == 0)
        #expect(try again.integer("sequence") == 1)
        #expect(try list(host) == ["1"])
        try fsck(host)
    }

    @Test("an origin that was made and published to under umask 077 can be read by everyone")
    func umask() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        let other = host.origin.removingLastComponent().appending("other")
        for arguments in [["release", "init", other.string], host.publication(to: other)] {
            let script = "umask 077; exec \"$@\""
            let result = try run(["/bin/sh", "-c", script, "sh", BuiltProducts.hostctl] + arguments)
            try #require(result.status == 0, "\(result.errorText)")
        }
        let closed = try run(["/usr/bin/find", other.string, "-type", "d", "!", "-perm", "0755"])
        #expect(closed.text == "")
    }

    @Test("damaged metadata in a store is fetched again and replaced", arguments: ["dirtree", "dirmeta"])
    func healed(_ kind: String) throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        let store = host.origin.removingLastComponent().appending("fetched")
        let fetch = ["store", "fetch", "file://\(host.origin)/store", HostFixture.ref, "--store", store.string]
        try host.succeed(fetch)
        let found = try run(["/usr/bin/find", "\(store)/objects", "-name", "*.\(kind)"]).text
        let path = FilePath(String(try #require(found.split(separator: "\n").first)))
        var bytes = try Files.read(path, limit: 1 << 20)
        bytes[bytes.count / 2] ^= 1
        try Files.replace(path, with: bytes)
        try host.succeed(fetch)
        #expect(try Files.read(path, limit: 1 << 20) != bytes)
        try host.sysroot.ostree("fsck", "--quiet", "--repo=\(store)")
    }

    @Test("another image under a published version is refused")
    func versionTaken() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        var image = HostFixture.image("1")
        image.files["usr/other"] = "other"
        try host.build(image)
        expect(try host.hostctl(host.publication()), 1, "publish under a new version")
        #expect(try list(host) == ["1"])
        try fsck(host)
    }

    @Test("a commit that is no image is refused, and the advice is for the publisher")
    func noImage() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        try host.succeed("store", "ingest", host.origin.string, "--store", host.buildsPath.string, "--ref", "other")
        let result = try host.hostctl(host.publication("other"))
        expect(result, 1, "is no host image")
        #expect(!result.errorText.contains("hostile"))
        #expect(try list(host) == ["1"])
    }

    @Test("what is not there is named", arguments: ["ref", "store", "origin", "key"])
    func missing(_ what: String) throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        let places = [
            "ref": HostFixture.ref, "store": host.buildsPath.string, "origin": host.origin.string,
            "key": host.key.string,
        ]
        let result = try host.hostctl(host.publication().map { $0 == places[what] ? "/missing/thing" : $0 })
        expect(result, 1, "/missing/thing")
    }

    @Test("a commit is published by its checksum, too")
    func byChecksum() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        let commit = try HostFixture.image("2").commit(to: host.builds, ref: HostFixture.ref)
        try host.succeed(host.publication(commit.hex))
        #expect(try list(host) == ["1", "2"])
        try fsck(host)
    }

    @Test("the list names channels and releases, oldest first, and an empty origin says so")
    func list() throws {
        let host = try HostFixture(releases: [], installed: nil)
        #expect(try host.succeed("release", "list", host.origin.string).text.contains("nothing is published yet"))
        for version in ["1", "2"] { try host.publish(version) }
        try host.publish(HostFixture.image("7", channel: "lean-host/testing"))
        let text = try host.succeed("release", "list", host.origin.string).text
        for part in [
            "lean-host/stable (x86_64):", "  2  \(try host.commit("2").prefix(12))", "lean-host/testing (x86_64):",
        ] {
            #expect(text.contains(part), "\(text)")
        }
        let one = try host.succeed("release", "list", host.origin.string, "--channel", "lean-host/testing").text
        #expect(!one.contains("lean-host/stable"))
        expect(try host.hostctl(["release", "list", host.origin.string, "--channel", "none"]), 1, "none")
        expect(try host.hostctl(["release", "list", host.root.string]), 1, "hostctl release init")
    }

    @Test("pruning removes old releases and their objects; hosts at a removed one still upgrade")
    func prune() throws {
        let host = try HostFixture(releases: ["1", "2", "3", "4"])
        let arguments = ["release", "prune", host.origin.string, "--keep", "2", "--key", host.key.string, "--json"]
        let pruned = try host.succeed(arguments).json
        #expect(try pruned.strings("releases") == ["\(HostFixture.ref) 1", "\(HostFixture.ref) 2"])
        #expect(try pruned.integer("objects") > 20)
        #expect(try list(host) == ["3", "4"])
        try fsck(host)
        #expect(try host.succeed(arguments).json.strings("releases") == [])
        expect(try host.onSysroot("upgrade", "--version", "2"), 1, "there is no release 2")
        try host.change("upgrade")
        try host.expectAgreement(["4", "1"])
    }

    @Test("stock ostree pulls what was published")
    func stockClient() throws {
        let host = try HostFixture(releases: ["1", "2"], installed: nil)
        let client = host.sysroot.beside("client")
        try host.sysroot.ostree("init", "--mode=bare-user", "--repo=\(client)")
        try host.sysroot.ostree(
            "remote", "add", "--no-gpg-verify", "--repo=\(client)", "origin", "\(host.address)/store", HostFixture.ref)
        try host.sysroot.ostree("pull", "--repo=\(client)", "origin", HostFixture.ref)
        let commit = try host.sysroot.ostree("rev-parse", "--repo=\(client)", "origin:\(HostFixture.ref)")
        #expect(try commit.prefix(64) == host.commit("2"))
        #expect(try host.sysroot.ostree("remote", "refs", "--repo=\(client)", "origin").contains(HostFixture.ref))
    }

    @Test("an origin that is made twice keeps what it has")
    func initTwice() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        try host.succeed("release", "init", host.origin.string)
        #expect(try list(host) == ["1"])
    }

    @Test("a key is never overwritten, and private keys are for their owner only")
    func keys() throws {
        let host = try HostFixture(releases: [], installed: nil)
        let before = try Files.read(host.key, limit: 4096)
        expect(try host.hostctl(["key", "generate", host.key.string]), 1, host.key.string)
        #expect(try Files.read(host.key, limit: 4096) == before)
        #expect(try run(["/usr/bin/stat", "-c", "%a", host.key.string]).text == "600\n")
        let shown = try host.succeed("key", "show", host.publicKey.string).text
        #expect(try host.succeed("key", "show", host.key.string).text == shown)
    }
}
