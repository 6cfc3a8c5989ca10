import LinuxSystem
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// kill -9 at a named place of the whole command, then the same command again.
@Suite struct KillTests {
    /// Runs a command that is killed at `point`; `false` when it ended before it came there.
    private func killed(_ host: HostFixture, at point: String, _ arguments: [String]) throws -> Bool {
        let result = try host.hostctl(arguments, environment: ["HOSTCTL_FAULT_POINT": point])
        if result.end == .signaled(9) { return true }
        #expect(result.status == 0, "\(result.errorText)")
        return false
    }

    /// Objects are whole, the stock tools agree, and each deployment is its commit, file by file.
    private func expectBootable(_ host: HostFixture, _ lists: [String]...) throws {
        #expect(throws: Never.self) { try host.sysroot.fsck() }
        let deployments = try host.deployments()
        let versions = try deployments.map { try $0.string("version") }
        #expect(lists.contains(versions), "\(versions)")
        #expect(try deployments.map(HostFixture.folderName) == host.sysroot.stockStatus())
        for deployment in deployments { try expectWhole(host, deployment) }
    }

    private func expectWhole(_ host: HostFixture, _ deployment: JSONFields) throws {
        let name = try HostFixture.folderName(deployment)
        let plain = host.sysroot.beside("plain-\(name)").string
        if !Files.exists(FilePath(plain)) {
            let repository = host.sysroot.paths.repository
            try host.sysroot.ostree("checkout", "--repo=\(repository)", deployment.string("commit"), plain)
        }
        let folder = host.sysroot.paths.deployments(of: "host").appending(name)
        let result = try run([
            "/usr/bin/diff", "-r", "--no-dereference", "\(plain)/usr", folder.appending("usr").string,
        ])
        #expect(result.status == 0, "\(result.text)")
    }

    /// The places an upgrade passes, with the command's own name for them.
    private static let upgradePoints =
        [
            "fetch.after-commit", "fetch.before-objects", "fetch.object:1", "fetch.object:3", "fetch.object:9",
            "fetch.after-objects", "store.before-sync", "store.before-lock", "store.before-commits",
            "store.after-commits", "fetch.before-refs", "fetch.after-refs", "fetch.after-manifest",
        ] + deployPoints
    /// One of each kind.
    private static let quickPoints = [
        "fetch.object:3", "store.before-commits", "fetch.after-manifest", "deploy.after-checkout",
        "deploy.before-switch", "deploy.after-switch", "deploy.after-prune",
    ]
    private static let deployPoints = [
        "deploy.before-lease", "deploy.after-lease", "deploy.before-checkout", "deploy.after-checkout",
        "deploy.before-switch", "deploy.after-switch", "deploy.before-prune", "deploy.after-prune",
    ]

    @Test(
        "an upgrade killed anywhere is completed by running it again",
        arguments: isThorough ? upgradePoints : quickPoints)
    func upgrade(_ point: String) throws {
        let host = try HostFixture.prepared()
        #expect(try killed(host, at: point, ["upgrade", "--sysroot", host.root.string]), "\(point) was not reached")
        try expectBootable(host, ["2", "1"], ["3", "2"])
        try host.change("upgrade")
        try host.expectAgreement(["3", "2"])
        for deployment in try host.deployments() { try expectWhole(host, deployment) }
        try expectNothingLeft(host)
    }

    @Test(
        "an upgrade killed while any file is replaced is completed by running it again",
        .enabled(if: isThorough, "takes a minute; left out of the quick run"),
        arguments: 1...16)
    func replacement(_ count: Int) throws {
        for place in ["replace.before-rename", "replace.after-rename"] {
            let host = try HostFixture.prepared()
            let wasKilled = try killed(host, at: "\(place):\(count)", ["upgrade", "--sysroot", host.root.string])
            try expectBootable(host, ["2", "1"], ["3", "2"])
            try host.change("upgrade")
            try host.expectAgreement(["3", "2"])
            if wasKilled { try expectNothingLeft(host) }
        }
    }

    /// Nothing of a download stays. A kill may leave the temporary file of a replacement, as `Files.replace` says.
    private func expectNothingLeft(_ host: HostFixture) throws {
        let state = host.sysroot.paths.state
        let names = try Files.names(in: state.appending("download")).filter { !$0.hasSuffix(".tmp") }
        #expect(names.filter { $0 != "lock" && $0 != "staging" } == [])
        #expect(try Files.namesIfPresent(in: state.appending("download/staging")) == [])
        #expect(try host.sysroot.store.refs(below: "hostctl")["hostctl/download"] == nil)
    }

    @Test("what was fetched before the kill is not fetched again", arguments: [1, 3, 9])
    func resumed(_ count: Int64) throws {
        let host = try HostFixture.prepared()
        let all = try host.changeJSON("upgrade", "--check").fields("download").integer("objects") - 1
        #expect(try killed(host, at: "fetch.object:\(count)", ["upgrade", "--sysroot", host.root.string]))
        let rest = try host.changeJSON("upgrade").fields("fetched").integer("objects")
        // Several connections: more may have been complete than the count says.
        #expect(rest <= all - count)
        try host.expectAgreement(["3", "2"])
    }

    @Test("an upgrade that is killed again and again comes to its end, and nothing piles up")
    func stubborn() throws {
        let host = try HostFixture.prepared()
        var kills = 0
        while try killed(host, at: "fetch.object:4", ["upgrade", "--sysroot", host.root.string]) { kills += 1 }
        #expect((2...10).contains(kills), "\(kills) kills")
        try host.expectAgreement(["3", "2"])
        try expectNothingLeft(host)
    }

    @Test(
        "after a killed upgrade another command works at once",
        arguments: isThorough ? upgradePoints : ["fetch.object:3", "deploy.after-switch"])
    func otherCommand(_ point: String) throws {
        let host = try HostFixture.prepared()
        #expect(try killed(host, at: point, ["upgrade", "--sysroot", host.root.string]))
        let isSwitched = try host.versions() == ["3", "2"]
        try host.change("rollback")
        try host.expectAgreement(isSwitched ? ["2", "3"] : ["1", "2"])
    }

    @Test(
        "a killed download is completed by downloading again",
        arguments: ["fetch.object:3", "fetch.after-refs", "store.after-commits"])
    func download(_ point: String) throws {
        let host = try HostFixture.prepared()
        let arguments = ["upgrade", "--download-only", "--sysroot", host.root.string]
        #expect(try killed(host, at: point, arguments))
        expect(try host.onSysroot("upgrade", "--from-downloaded"), 1, "nothing has been downloaded")
        try host.succeed(arguments)
        try host.change("upgrade", "--from-downloaded")
        try host.expectAgreement(["3", "2"])
    }

    @Test("a download that was killed at its very end can be deployed")
    func completeDownload() throws {
        let host = try HostFixture.prepared()
        let arguments = ["upgrade", "--download-only", "--sysroot", host.root.string]
        #expect(try killed(host, at: "fetch.after-manifest", arguments))
        try host.change("upgrade", "--from-downloaded")
        try host.expectAgreement(["3", "2"])
    }

    @Test(
        "a killed rollback is made by running it again, and never undone",
        arguments: [
            "rollback.before-switch", "rollback.after-switch", "deploy.before-prune", "deploy.after-prune",
            "replace.before-rename:1", "replace.after-rename:1",
        ])
    func rollback(_ point: String) throws {
        let host = try HostFixture.prepared()
        #expect(try killed(host, at: point, ["rollback", "--sysroot", host.root.string]), "\(point) was not reached")
        try expectBootable(host, ["2", "1"], ["1", "2"])
        try host.change("rollback")
        try host.expectAgreement(["1", "2"])
    }

    @Test(
        "an installation killed anywhere is completed by running it again",
        .enabled(if: isThorough, "takes a minute; left out of the quick run"),
        arguments: upgradePoints)
    func install(_ point: String) throws {
        let prepared = try HostFixture.prepared()
        let folder = prepared.sysroot.beside("fresh").string
        let arguments = prepared.installation(version: "1").map { $0 == prepared.root.string ? folder : $0 }
        #expect(try killed(prepared, at: point, arguments), "\(point) was not reached")
        try prepared.succeed(arguments)
        try prepared.sysroot.ostree("fsck", "--quiet", "--repo=\(folder)/ostree/repo")
        let status = try prepared.succeed("status", "--json", "--sysroot", folder).json
        #expect(try status.objects("deployments").map { try $0.string("version") } == ["1"])
        #expect(try status.objects("problems").isEmpty)
        #expect(try prepared.sysroot.ostree("admin", "status", "--sysroot=\(folder)").contains("Version: 1"))
    }
}

/// Whether the slow tests run, too.
let isThorough = ProcessVariables["HOSTCTL_TESTS"] != "quick"
