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

/// `hostctl upgrade` with each of its options.
@Suite struct UpgradeTests {
    @Test("--check says what there is and changes nothing")
    func check() throws {
        let host = try HostFixture.prepared()
        let before = try host.sysroot.snapshot()
        let answer = try host.changeJSON("upgrade", "--check")
        #expect(try answer.string("result") == "available")
        #expect(try answer.string("version") == "3")
        #expect(try answer.string("previous_version") == "2")
        #expect(try answer.fields("download").integer("objects") > 10)
        #expect(try answer.fields("fetched").integer("objects") == 0)
        #expect(try host.sysroot.snapshot() == before)
    }

    @Test("an upgrade fetches what is missing and no more")
    func difference() throws {
        let host = try HostFixture.prepared()
        let announced = try host.changeJSON("upgrade", "--check").fields("download")
        let answer = try host.changeJSON("upgrade")
        #expect(try answer.string("result") == "deployed")
        // The commit is counted in what is announced and is not fetched as an object.
        #expect(try answer.fields("fetched").integer("objects") == announced.integer("objects") - 1)
        #expect(try answer.fields("fetched").integer("objects") < 20)
        try host.expectAgreement(["3", "2"])
    }

    @Test("an upgrade to what is deployed changes nothing, and exits with 77 when asked to")
    func unchanged() throws {
        let host = try HostFixture.prepared()
        try host.change("upgrade")
        let before = try host.sysroot.snapshot()
        #expect(try host.changeJSON("upgrade").string("result") == "unchanged")
        expect(try host.onSysroot("upgrade", "--unchanged-exit-77"), 77)
        expect(try host.onSysroot("upgrade", "--check", "--unchanged-exit-77"), 77)
        #expect(try host.sysroot.snapshot() == before)
    }

    @Test("--unchanged-exit-77 exits with 0 when there was something to do")
    func changed() throws {
        let host = try HostFixture.prepared()
        expect(try host.onSysroot("upgrade", "--unchanged-exit-77"), 0)
        try host.expectAgreement(["3", "2"])
    }

    @Test("what was downloaded is deployed without the origin")
    func downloaded() throws {
        let host = try HostFixture()
        let download = try host.changeJSON("upgrade", "--download-only")
        #expect(try download.string("result") == "downloaded")
        try host.expectAgreement(["1"])
        #expect(rename(host.origin.string, host.sysroot.beside("gone").string) == 0)
        let answer = try host.changeJSON("upgrade", "--from-downloaded")
        #expect(try answer.string("result") == "deployed")
        #expect(try answer.fields("fetched").integer("objects") == 0)
        try host.expectAgreement(["2", "1"])
    }

    @Test("an upgrade after a download fetches nothing again")
    func upgradeAfterDownload() throws {
        let host = try HostFixture.prepared()
        try host.change("upgrade", "--download-only")
        #expect(try host.changeJSON("upgrade").fields("fetched").integer("objects") == 0)
        try host.expectAgreement(["3", "2"])
    }

    @Test("a download is not deployed by a rollback, and is still there after it")
    func rollbackAfterDownload() throws {
        let host = try HostFixture.prepared()
        try host.change("upgrade", "--download-only")
        try host.change("rollback")
        try host.expectAgreement(["1", "2"])
        try host.change("upgrade", "--from-downloaded")
        try host.expectAgreement(["3", "1"])
    }

    @Test("what was downloaded is what is deployed, though there is something newer by now")
    func newerMeanwhile() throws {
        let host = try HostFixture()
        try host.change("upgrade", "--download-only")
        try host.publish("3")
        try host.change("upgrade", "--from-downloaded")
        try host.expectAgreement(["2", "1"])
    }

    @Test("--from-downloaded without a download says what to do first")
    func nothingDownloaded() throws {
        let host = try HostFixture.prepared()
        expect(try host.onSysroot("upgrade", "--from-downloaded"), 1, "--download-only")
        try host.expectAgreement(["2", "1"])
    }

    @Test("--from-downloaded --version refuses another version than the downloaded one")
    func otherVersionDownloaded() throws {
        let host = try HostFixture.prepared()
        try host.change("upgrade", "--download-only")
        expect(
            try host.onSysroot("upgrade", "--from-downloaded", "--version", "2"), 1,
            "what was downloaded is lean-host/stable 3")
        try host.change("upgrade", "--from-downloaded", "--version", "3")
        try host.expectAgreement(["3", "2"])
    }

    @Test("an older release is refused, and accepted with --allow-downgrade")
    func downgrade() throws {
        let host = try HostFixture.prepared()
        expect(try host.onSysroot("upgrade", "--version", "1"), 3, "--allow-downgrade")
        try host.expectAgreement(["2", "1"])
        try host.change("upgrade", "--version", "1", "--allow-downgrade")
        try host.expectAgreement(["1", "2"])
    }

    @Test("an origin that shows an older release as its newest is refused")
    func oldOrigin() throws {
        let host = try HostFixture()
        let old = host.sysroot.beside("old")
        #expect(try run(["/bin/cp", "-a", host.origin.string, old.string]).status == 0)
        try host.publish("3")
        try host.change("upgrade")
        #expect(rename(host.origin.string, host.sysroot.beside("gone").string) == 0)
        #expect(rename(old.string, host.origin.string) == 0)
        expect(try host.onSysroot("upgrade"), 3, "older")
        try host.expectAgreement(["3", "1"])
    }

    @Test("--version chooses a release that is not the newest")
    func version() throws {
        let host = try HostFixture(releases: ["1", "2", "3"])
        try host.change("upgrade", "--version", "2")
        try host.expectAgreement(["2", "1"])
    }

    @Test("an unknown version is an error that names it", arguments: ["9", "../1", "index"])
    func unknownVersion(_ version: String) throws {
        let host = try HostFixture.prepared()
        expect(try host.onSysroot("upgrade", "--version", version), 1, version)
        try host.expectAgreement(["2", "1"])
    }

    @Test(
        "--reboot is for the running host: with --sysroot nothing is changed",
        arguments: ["upgrade", "rollback"])
    func reboot(_ command: String) throws {
        let host = try HostFixture.prepared()
        expect(try host.onSysroot(command, "--reboot"), 2, "--sysroot")
        try host.expectAgreement(["2", "1"])
    }

    @Test("of two releases made at the same time the index tells which is older, and that one is a downgrade")
    func sameTime() throws {
        let host = try HostFixture(releases: ["1"])
        try host.publish("2.1")
        try host.publish("2.2")
        try host.change("upgrade")
        expect(try host.onSysroot("upgrade", "--version", "2.1"), 3, "2.1 is older than the deployed 2.2")
        try host.change("upgrade", "--version", "2.1", "--allow-downgrade")
        try host.expectAgreement(["2.1", "2.2"])
    }

    @Test(
        "a lost commit or root of the deployed release is fetched again, not reported for ever",
        arguments: ["commit", "dirtree", "dirmeta"])
    func lostCommit(_ kind: String) throws {
        let host = try HostFixture(releases: ["1"])
        let store = try host.sysroot.store
        let commit = try store.commit(host.checksum("1"))
        let names = [
            "commit": ObjectName(try host.checksum("1"), .commit), "dirtree": ObjectName(commit.rootTree, .dirtree),
            "dirmeta": ObjectName(commit.rootMetadata, .dirmeta),
        ]
        try Files.remove(store.path(of: try #require(names[kind])))
        let result = try host.onSysroot("upgrade")
        #expect(result.status == 0, "\(result.errorText)")
        try host.sysroot.ostree("fsck", "--quiet", "--repo=\(host.sysroot.paths.repository)")
        try host.publish("2")
        try host.change("upgrade")
        try host.expectAgreement(["2", "1"])
    }

    @Test("a download for a switch says how it is deployed, and an upgrade names what was downloaded instead")
    func downloadedSwitch() throws {
        let host = try HostFixture(releases: ["1"])
        try host.publish(HostFixture.image("5", channel: "lean-host/testing"))
        let result = try host.onSysroot("switch", "lean-host/testing", "--download-only")
        #expect(result.text.contains("'hostctl switch lean-host/testing --from-downloaded'"), "\(result.text)")
        expect(try host.onSysroot("upgrade", "--from-downloaded"), 1, "what was downloaded is lean-host/testing 5")
        try host.change("switch", "lean-host/testing", "--from-downloaded")
        try host.expectAgreement(["5", "1"])
    }

    @Test("an origin that is gone is reported, and nothing is changed")
    func missingOrigin() throws {
        let host = try HostFixture()
        #expect(rename(host.origin.string, host.sysroot.beside("gone").string) == 0)
        expect(try host.onSysroot("upgrade"), 1, "there is no release on the channel")
        try host.expectAgreement(["1"])
    }

    @Test("a web server that nobody answers for is a network error")
    func unreachable() throws {
        let host = try HostFixture.prepared()
        let result = try host.onSysroot("switch", "--origin", "http://127.0.0.1:1/", HostFixture.channel)
        expect(result, 5)
        try host.expectAgreement(["2", "1"])
    }

    @Test("a file in the place of the sysroot is refused", arguments: ["upgrade", "rollback"])
    func noSysroot(_ command: String) throws {
        let folder = try TemporaryFolder()
        expect(try run([BuiltProducts.hostctl, command, "--sysroot", folder.path.string]), 1, "not a sysroot")
        #expect(try Files.names(in: folder.path) == [])
    }

    @Test("progress as JSON is one object a line, and ends with all objects")
    func progress() throws {
        let host = try HostFixture.prepared()
        let result = try host.onSysroot("upgrade", "--progress", "json")
        expect(result, 0)
        let lines = try result.errorText.split(separator: "\n").map {
            try JSONFields(strict: Array($0.utf8), what: "the progress")
        }
        let steps = try lines.map { try $0.string("step") }
        for step in ["looking for releases", "fetching objects", "writing to disk", "deploying"] {
            #expect(steps.contains(step))
        }
        let last = try #require(lines.last { try $0.string("step") == "fetching objects" })
        #expect(try last.integer("done") == last.integer("total"))
    }
}
