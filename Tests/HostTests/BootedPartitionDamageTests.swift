import BootLoaders
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// What people and accidents do to a running host with a boot partition: `status` tells it and ends with 0, and an upgrade
/// afterwards heals it or refuses, and loses nothing.
@Suite(.enabled(if: geteuid() == 0)) struct BootedPartitionDamageTests {
    private let host: BootedPartition

    /// A host at 2, with 1 to go back to.
    init() throws {
        host = try BootedPartition()
        expect(try host.hostctl("boot", "mark-good"), 0)
        expect(try host.hostctl("upgrade", "--version", "2"), 0)
        expect(try host.shutDown(), 0)
        try host.boot()
        expect(try host.hostctl("boot", "mark-good"), 0)
    }

    private var entries: FilePath { host.paths.bootPartition.appending("loader/entries") }

    private func text(_ name: String) throws -> String {
        String(decoding: try Files.read(entries.appending("\(name).conf"), limit: 9999), as: UTF8.self)
    }

    private func write(_ name: String, _ text: String) throws {
        let path = entries.appending("\(name).conf").string
        try Descriptor(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600).write(Array(text.utf8))
    }

    private func kinds() throws -> Set<String> {
        let result = try host.hostctl("status", "--json")
        expect(result, 0)
        let status = try result.json
        let all = try status.objects("problems") + status.objects("deployments").flatMap { try $0.objects("problems") }
        return Set(try all.map { try $0.string("kind") })
    }

    /// `status` says so, in words and as JSON.
    private func expectTold(
        _ kinds: Set<String>, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let status = try host.hostctl("status")
        expect(status, 0, sourceLocation: sourceLocation)
        for word in words { #expect(status.text.contains(word), "\(status.text)", sourceLocation: sourceLocation) }
        #expect(try self.kinds() == kinds, sourceLocation: sourceLocation)
        expect(try host.hostctl("boot", "status"), 0, sourceLocation: sourceLocation)
    }

    /// 3 is staged and switched to, what runs is what the host comes back to, and nothing is wrong any more.
    private func expectHealed(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let running = try host.bootedFolder()
        expect(try host.hostctl("upgrade", "--version", "3"), 0, sourceLocation: sourceLocation)
        expect(try host.shutDown(), 0, sourceLocation: sourceLocation)
        #expect(Files.isFolder(running.appending("usr/lib/modules")), sourceLocation: sourceLocation)
        let entries = try host.loader.listing().entries
        #expect(entries.first?.counter?.left == 3, sourceLocation: sourceLocation)
        let back = try #require(entries.first { $0.counter == nil }, sourceLocation: sourceLocation)
        #expect(host.loader.partition.canBoot(back), sourceLocation: sourceLocation)
        #expect(
            running.lastComponent?.string == back.folder, "\(entries.map(\.name.text))", sourceLocation: sourceLocation)
        try host.boot()
        expect(try host.hostctl("cleanup"), 0, sourceLocation: sourceLocation)
        #expect(try kinds() == [], sourceLocation: sourceLocation)
        try host.host.sysroot.fsck()
    }

    @Test("the entry of what runs is edited by hand, cut off, or empty") func damagedEntry() throws {
        let whole = try text("host-000002")
        try write("host-000002", whole.replacing("options ", with: "options debug "))
        try expectTold([], "(booted, default, good)")
        try write("host-000002", String(whole.prefix(40)))
        try expectTold(["damaged-boot-entry", "unlisted-folder"], "host-000002 cannot be used", "no boot entry leads")
        try write("host-000002", "")
        try expectTold(["damaged-boot-entry", "unlisted-folder"], "it is empty")
        try expectHealed()
    }

    @Test("entries are there twice, with a counter and without, and under a higher number") func duplicates() throws {
        let whole = try text("host-000002")
        try write("host-000002+2-1", whole)
        try write("host-000007+0-3", whole)
        try write("host-000009+1", try text("host-000001"))
        try expectTold(["duplicate-boot-entry"], "is for the same deployment as")
        try expectHealed()
    }

    @Test("the link /boot/loader is missing") func missingLoader() throws {
        for name in ["loader", "loader.0", "loader.1"] { try Files.removeTree(host.paths.boot.appending(name)) }
        try expectTold(["damaged-mirror"], "stock tools do not list")
        try expectHealed()
    }

    @Test("the folder of the deployment to go back to is removed, and later that of the default")
    func missingFolder() throws {
        let other = try #require(try host.loader.listing().entries.last.flatMap { DeploymentName(text: $0.deployment) })
        expect(try host.hostctl("rollback"), 0)
        let folder = host.paths.folder(of: other)
        try Files.whileChangeable(folder.removingLastComponent()) { try Files.removeTree(folder) }
        try expectTold(["missing-folder"], "the deployment's folder is missing")
        expect(try host.hostctl("rollback"), 0)
        expect(try host.hostctl("rollback"), 1)
        try expectHealed()
    }

    @Test("an origin file is corrupted", arguments: ["", "[ori", "[origin]\nref"]) func damagedOrigin(_ damage: String)
        throws
    {
        let name = try #require(try host.loader.listing().entries.first.flatMap { DeploymentName(text: $0.deployment) })
        let path = host.paths.origin(of: name).string
        try Descriptor(opening: path, flags: O_WRONLY | O_TRUNC, mode: 0o644).write(Array(damage.utf8))
        try expectTold(["damaged-origin"], "origin file")
        // What libostree cannot load it does not check out into, and what is empty has said nothing.
        let entries = try host.entries
        if !damage.isEmpty {
            let refused = try host.hostctl("upgrade", "--version", "3")
            expect(refused, 1, "hostctl verify --repair")
            #expect(try host.entries == entries)
            try expectTold(["damaged-origin"], "origin file")
        } else {
            expect(try host.hostctl("upgrade", "--version", "3"), 0)
        }
        expect(try host.hostctl("cleanup"), 0)
        #expect(Files.isFolder(host.paths.folder(of: name).appending("usr/lib/modules")))
        expect(try host.hostctl("verify", "--repair"), 0)
        #expect(try kinds() == [])
        expect(try host.hostctl("upgrade", "--version", "3"), 0)
        expect(try host.shutDown(), 0)
        // What it said is not known, so that the deployment stays as a pinned one would.
        try host.boot()
        expect(try host.hostctl("cleanup"), 0)
        #expect(Files.isFolder(host.paths.folder(of: name)))
        #expect(try kinds() == [])
    }

    @Test("the stateroot is missing: told, an upgrade refuses, and what is left stays") func missingStateroot() throws {
        let stateroot = host.paths.deploy.appending("host")
        let aside = host.paths.root.appending("aside")
        try #require(rename(stateroot.string, aside.string) == 0)
        let before = try host.entries
        let status = try host.hostctl("status")
        expect(status, 0)
        #expect(status.text.contains("the deployment's folder is missing"))
        #expect(try kinds().contains("missing-folder"))
        for command in [["upgrade"], ["rollback"], ["cleanup"]] {
            let result = try host.hostctl(command[0])
            #expect(result.status != 0 || command == ["cleanup"], "\(command): \(result.text)")
            #expect(result.status == 0 || !result.errorText.isEmpty)
        }
        #expect(try host.entries == before)
        #expect(Files.isFolder(aside.appending("var")))
        try #require(rename(aside.string, stateroot.string) == 0)
        // At most the list of stock tools lacks them, until the next change.
        #expect(try kinds().isSubset(of: ["damaged-mirror"]))
        try expectHealed()
    }
}
