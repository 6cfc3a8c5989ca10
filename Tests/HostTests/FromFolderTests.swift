import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl upgrade --from FOLDER`: an origin on a disk that somebody plugs in.
@Suite struct FromFolderTests {
    /// A host at 1 that follows an origin that cannot be reached, and a copy of it beside the sysroot.
    private struct Fixture {
        let host: HostFixture
        let copy: FilePath
        static let unreachable = "http://127.0.0.1:1"

        init(_ name: String = "usb", releases: [String] = ["1", "2"]) throws {
            host = try HostFixture(releases: releases)
            copy = host.sysroot.beside(name)
            try SysrootState(
                origin: Self.unreachable, channel: HostFixture.channel, architecture: "x86_64", sequence: 1
            )
            .save(host.sysroot.paths)
            try copyOrigin(to: copy)
        }

        func copyOrigin(to path: FilePath) throws {
            try Files.makeFolder(path)
            try PreparedHosts.copy(host.origin, to: path)
        }

        func upgrade(_ arguments: String..., from folder: FilePath? = nil) throws -> ProcessResult {
            let start = ["upgrade", "--from", (folder ?? copy).string, "--sysroot", host.root.string]
            return try host.hostctl(start + arguments)
        }

        /// The path of a file object of release 2 that release 1 does not have.
        func newObject() throws -> FilePath {
            let store = try Store(opening: copy.appending("store"))
            let commit = try #require(Checksum(hex: host.commit("2")))
            let object = try store.file(at: "usr/share/changing/1", in: commit)
            return store.path(of: ObjectName(try #require(object), .file))
        }
    }

    @Test(
        "the upgrade is made from the folder, and what is followed does not change",
        arguments: ["usb", "a folder with spaces", "100%41 %", "Größe-日本", "a+b&c=d?e#f", "quote'\"\\"])
    func upgrade(_ name: String) throws {
        let fixture = try Fixture(name)
        expect(try fixture.upgrade(), 0)
        try fixture.host.expectAgreement(["2", "1"])
        let state = try SysrootState.load(fixture.host.sysroot.paths)
        #expect(state?.origin == Fixture.unreachable)
        #expect(state?.sequence == 2)
        #expect(try fixture.upgrade("--unchanged-exit-77").status == 77)
    }

    @Test("--check and --download-only read the folder, too; the download is deployed without it")
    func download() throws {
        let fixture = try Fixture()
        #expect(try fixture.upgrade("--check", "--json").json.string("result") == "available")
        expect(try fixture.upgrade("--download-only"), 0)
        try Files.removeTree(fixture.copy)
        try fixture.host.change("upgrade", "--from-downloaded")
        try fixture.host.expectAgreement(["2", "1"])
    }

    @Test("a relative folder is one of the working folder")
    func relative() throws {
        let fixture = try Fixture()
        let script = "cd \"$1\" && exec \"$2\" upgrade --from ./x/../usb --sysroot \"$3\""
        let arguments = [fixture.host.sysroot.folder.string, BuiltProducts.hostctl, fixture.host.root.string]
        expect(try run(["/bin/sh", "-c", script, "sh"] + arguments), 0)
        try fixture.host.expectAgreement(["2", "1"])
    }

    @Test("a disk that is mounted read-only serves, and nothing on it is changed")
    func readOnly() throws {
        let fixture = try Fixture()
        let script = """
            mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && ! touch "$1/x" 2>/dev/null || exit 99
            exec "$2" upgrade --from "$1" --sysroot "$3"
            """
        let arguments = [fixture.copy.string, BuiltProducts.hostctl, fixture.host.root.string]
        expect(try run(MountNamespace.command(script, arguments)), 0)
        try fixture.host.expectAgreement(["2", "1"])
    }

    @Test("what is no copy of an origin is told before anything is asked", arguments: ["empty", "missing", "file"])
    func noOrigin(_ kind: String) throws {
        let fixture = try Fixture()
        let path = fixture.host.sysroot.beside("other")
        if kind == "empty" { try Files.makeFolder(path) }
        if kind == "file" { try Files.create(path, bytes: [1], mode: 0o644) }
        expect(try fixture.upgrade(from: path), 5, "there is no origin in \(path)")
        try fixture.host.expectAgreement(["1"])
    }

    @Test("the command line is checked")
    func usage() throws {
        let fixture = try Fixture()
        expect(try fixture.upgrade("--from-downloaded"), 2, "exclude each other")
        expect(try fixture.host.onSysroot("upgrade", "--from", "http://127.0.0.1/"), 2, "takes a folder")
    }

    @Test("a disk that is pulled out in the middle loses nothing, and the network completes the work")
    func removed() throws {
        let fixture = try Fixture()
        let gone = fixture.host.sysroot.beside("gone")
        let upgrade = try ChildProcess(
            [BuiltProducts.hostctl, "upgrade", "--from", fixture.copy.string, "--sysroot", fixture.host.root.string],
            environment: ["HOSTCTL_FAULT_POINT": "fetch.object:3"])
        _ = try upgrade.wait()
        #expect(rename(fixture.copy.string, gone.string) == 0)
        expect(try fixture.upgrade(), 5, "there is no origin in")
        try fixture.host.expectAgreement(["1"])
        // The folder is there again, without its objects.
        try Files.makeFolder(fixture.copy)
        try PreparedHosts.copy(gone, to: fixture.copy)
        try Files.removeTree(fixture.copy.appending("store/objects"))
        let broken = try fixture.upgrade()
        expect(broken, 5, "cannot read \(fixture.copy)/store/objects/")
        #expect(broken.errorText.contains("what has arrived is kept"))
        try fixture.host.expectAgreement(["1"])
        let server = try ScriptedServer(serving: fixture.host.origin)
        try SysrootState(origin: server.url, channel: HostFixture.channel, architecture: "x86_64")
            .save(fixture.host.sysroot.paths)
        let all = try fixture.host.changeJSON("upgrade", "--check").fields("download").integer("objects") - 1
        let fetched = try fixture.host.changeJSON("upgrade").fields("fetched").integer("objects")
        #expect(fetched > 0 && fetched <= all - 3, "\(fetched) of \(all)")
        try fixture.host.expectAgreement(["2", "1"])
    }

    @Test("a folder with another channel has no release for this host")
    func otherChannel() throws {
        let fixture = try Fixture()
        let other = fixture.host.sysroot.beside("other-origin")
        try fixture.host.succeed("release", "init", other.string)
        try fixture.host.publish(HostFixture.image("9", channel: "other/stable"), to: other)
        expect(try fixture.upgrade(from: other), 1, "there is no release on the channel lean-host/stable")
        // Nor under the name of this one.
        try Files.makeFolder(other.appending("releases/lean-host"))
        let names = ["releases/other/stable", "releases/lean-host/stable"].map { other.appending($0).string }
        #expect(rename(names[0], names[1]) == 0)
        expect(try fixture.upgrade(from: other), 3)
        try fixture.host.expectAgreement(["1"])
    }

    @Test("releases that are unsigned or signed by a foreign key are refused as from the network")
    func foreign() throws {
        let fixture = try Fixture()
        let index = fixture.copy.appending("releases/lean-host/stable/x86_64/index.json")
        let whole = String(decoding: try Files.read(index, limit: 1 << 20), as: UTF8.self)
        let start = try #require(whole.firstRange(of: "\"signatures\":")).lowerBound
        try Files.replace(index, with: Array((whole[..<start] + "\"signatures\":[]}").utf8))
        expect(try fixture.upgrade(), 3)
        let foreign = try HostFixture(publishing: ["3"], installing: nil)
        expect(try fixture.upgrade(from: foreign.origin), 3, "no trusted key")
        try fixture.host.expectAgreement(["1"])
    }

    @Test("an index older than the one this host has seen is a replay, a release older than the deployed a downgrade")
    func older() throws {
        let fixture = try Fixture(releases: ["1", "2", "3"])
        let old = try HostFixture()
        let stale = fixture.host.sysroot.beside("stale")
        try Files.makeFolder(stale)
        try PreparedHosts.copy(fixture.copy, to: stale)
        #expect(try fixture.upgrade("--version", "2").status == 0)
        expect(try fixture.upgrade("--version", "1"), 3, "is older than the deployed 2")
        // The prepared origin is the same one before its third release.
        expect(try fixture.upgrade(from: old.origin), 3, "which this host has seen already")
        try fixture.host.expectAgreement(["2", "1"])
        expect(try fixture.upgrade("--allow-downgrade", "--version", "1", from: stale), 0)
    }

    @Test("a pipe or a device in an object's place is refused at once, a link is followed and verified")
    func otherKinds() throws {
        let fixture = try Fixture()
        let object = try fixture.newObject()
        let kept = object.removingLastComponent().appending("kept")
        #expect(rename(object.string, kept.string) == 0)
        #expect(mkfifo(object.string, 0o644) == 0)
        let start = ContinuousClock.now
        expect(try fixture.upgrade(), 5, "it is no regular file")
        try Files.remove(object)
        #expect(symlink("/dev/zero", object.string) == 0)
        expect(try fixture.upgrade(), 5, "it is no regular file")
        try Files.remove(object)
        #expect(symlink("/etc/passwd", object.string) == 0)
        expect(try fixture.upgrade(), 3, "is damaged")
        #expect(ContinuousClock.now - start < .seconds(30))
        try fixture.host.expectAgreement(["1"])
        try Files.remove(object)
        #expect(symlink("kept", object.string) == 0)
        expect(try fixture.upgrade(), 0)
        try fixture.host.expectAgreement(["2", "1"])
    }

    @Test("a pipe in the index's place is refused at once")
    func pipeForIndex() throws {
        let fixture = try Fixture()
        let index = fixture.copy.appending("releases/lean-host/stable/x86_64/index.json")
        try Files.remove(index)
        #expect(mkfifo(index.string, 0o644) == 0)
        expect(try fixture.upgrade(), 5, "it is no regular file")
    }

    @Test("a host that follows nothing still follows nothing")
    func followsNothing() throws {
        let fixture = try Fixture()
        try Files.remove(fixture.host.sysroot.paths.state.appending("state.json"))
        expect(try fixture.upgrade(), 1, "follows no origin")
    }
}
