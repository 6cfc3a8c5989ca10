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

/// A sysroot with damage that stock tools answer by deleting, or by giving up: `status` tells the truth, and no command
/// removes anything that it cannot account for.
@Suite struct DamagedSysrootTests {
    /// What a command may write in refusing: why it refused.
    private static let records = [
        "/ostree/hostctl/status", "/ostree/hostctl/failure.json", "/ostree/hostctl/history.jsonl",
        "/ostree/hostctl/download", "/ostree/repo/.lock",
        "/ostree/repo/tmp/.hostctl.lock", "/ostree/lock", "/ostree/hostctl/lock",
    ]
    private static let commands = [
        ["upgrade"], ["upgrade", "--download-only"], ["rollback"], ["pin", "0"], ["unpin", "0"], ["cleanup"],
        ["cleanup", "--downloads"], ["switch", HostFixture.channel],
    ]

    /// Runs every command; nothing of the deployments, the boot entries and their objects may go.
    private func expectNothingRemoved(
        _ host: HostFixture, below prefix: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for command in Self.commands {
            let before = try Set(host.sysroot.snapshot(without: Self.records).map(Self.path))
            let result = try host.hostctl(command + ["--sysroot", host.root.string])
            let after = try Set(host.sysroot.snapshot(without: Self.records).map(Self.path))
            #expect(
                before.subtracting(after).filter { $0.hasPrefix(prefix) } == [], "\(command): \(result.errorText)",
                sourceLocation: sourceLocation)
        }
    }

    private static func path(_ line: String) -> String { String(line.prefix { $0 != " " }) }

    private func problems(_ host: HostFixture) throws -> [String] {
        let status = try host.status()
        let all = try status.objects("problems") + status.objects("deployments").flatMap { try $0.objects("problems") }
        return try all.map { try $0.string("kind") }
    }

    @Test("with /boot/loader missing, ostree admin cleanup deletes every deployment; no command of ours does")
    func missingLoader() throws {
        let host = try HostFixture.prepared()
        for name in ["loader", "loader.0", "loader.1"] {
            try Files.removeTree(host.sysroot.paths.boot.appending(name))
        }
        try expectNothingRemoved(host)
        #expect(try problems(host).contains("missing-boot-entries"))
        #expect(try host.status().objects("deployments").map { try $0.string("version") }.sorted() == ["1", "2"])
        expect(try host.onSysroot("cleanup"), 1, "the sysroot is damaged")
        // The stock tool, for comparison.
        try host.sysroot.ostree("admin", "cleanup", "--sysroot=\(host.root)")
        #expect(try host.status().objects("deployments").isEmpty)
    }

    @Test("with all of /boot lost nothing else is lost")
    func missingBoot() throws {
        let host = try HostFixture.prepared()
        for name in try Files.names(in: host.sysroot.paths.boot) {
            try Files.removeTree(host.sysroot.paths.boot.appending(name))
        }
        try expectNothingRemoved(host)
        #expect(try problems(host).contains("missing-boot-entries"))
    }

    @Test("a truncated origin file, for which ostree gives up the sysroot", arguments: ["", "[ori", "[origin]\nref"])
    func truncatedOrigin(_ text: String) throws {
        let host = try HostFixture.prepared()
        let folder = try host.folder(1).string
        try Files.replace(FilePath("\(folder).origin"), with: Array(text.utf8))
        // An empty file is an origin to ostree, and the deployment may have been pinned.
        try expectNothingRemoved(host, below: text.isEmpty ? String(folder.dropFirst(host.root.string.count)) : "")
        #expect(try problems(host).contains("damaged-origin"))
        #expect(try host.versions().contains("1"))
        try host.sysroot.fsck()
    }

    @Test("a deployment whose folder is gone", arguments: [0, 1])
    func missingFolder(_ index: Int) throws {
        let host = try HostFixture.prepared()
        try Files.removeTree(host.folder(index))
        try expectNothingRemoved(host)
        #expect(try problems(host).contains("missing-folder"))
        #expect(try host.versions() == ["2", "1"])
    }

    @Test("a ref that points nowhere keeps every object, and is told")
    func danglingRef() throws {
        let host = try HostFixture.prepared()
        try host.change("cleanup")
        try host.sysroot.store.setRef("mine", to: .init(hex: String(repeating: "0", count: 64)))
        try host.change("upgrade")
        let before = try host.sysroot.snapshot(without: Self.records)
        let result = try host.onSysroot("cleanup", "--json")
        expect(result, 1, "hostctl verify --repair")
        #expect(try result.json.string("refusal").contains("is missing"))
        #expect(try host.sysroot.snapshot(without: Self.records) == before)
        #expect(try host.status().fields("last-failure").string("command") == "hostctl cleanup")
        try host.sysroot.store.setRef("mine", to: nil)
        try host.change("cleanup")
        #expect(try !host.status().has("last-failure"))
        try host.expectAgreement(["3", "2"])
    }

    @Test("a deployment whose commit or tree is lost keeps every object", arguments: ["commit", "dirtree"])
    func lostMetadata(_ kind: String) throws {
        let host = try HostFixture.prepared()
        let store = try host.sysroot.store
        let commit = try #require(try store.refs(below: DeploymentName.leases).values.first)
        let tree = try store.commit(commit).rootTree
        let name = kind == "commit" ? ObjectName(commit, .commit) : ObjectName(tree, .dirtree)
        try Files.remove(store.path(of: name))
        let before = try host.sysroot.snapshot(without: Self.records)
        expect(try host.onSysroot("cleanup"), 1, "which objects are still needed cannot be told")
        #expect(try host.sysroot.snapshot(without: Self.records) == before)
    }

    @Test("a deployment that no boot entry leads to and no record of ours names stays")
    func unlisted() throws {
        let host = try HostFixture.prepared()
        let folder = try host.folder(0)
        let copy = FilePath(String(folder.string.dropLast()) + "9")
        #expect(try run(["/bin/cp", "-a", folder.string, copy.string]).status == 0)
        #expect(try run(["/bin/cp", "-a", "\(folder).origin", "\(copy).origin"]).status == 0)
        try expectNothingRemoved(host)
        #expect(try problems(host).contains("unlisted-folder"))
    }

    @Test("a half checkout of a stock tool stays, with its objects")
    func halfCheckout() throws {
        let host = try HostFixture.prepared()
        let folder = host.sysroot.paths.deployments(of: "host").appending("\(try host.commit("1")).5")
        try Files.makeFolder(folder.appending("usr"))
        try host.change("cleanup")
        #expect(Files.exists(folder))
    }

    @Test("a pending change that cannot be read accounts for nothing")
    func damagedPending() throws {
        let host = try HostFixture.prepared()
        try host.sysroot.write("ostree/hostctl/pending.json", "{\"format\":1,\"action\":\"dep")
        try expectNothingRemoved(host)
        expect(try host.onSysroot("cleanup"), 1, "pending.json is damaged")
    }
}
