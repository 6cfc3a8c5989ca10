import BootLoaders
import Checksums
import Deployments
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// What runs, and what the host could come back to, stay whatever has become of their boot entries.
@Suite(.enabled(if: geteuid() == 0)) struct FallbackTests {
    private let host: PartitionFixture
    private let running: DeploymentRecord

    /// A running host at 2, which is good, with 1 to go back to.
    init() throws {
        host = try .running()
        running = try #require(host.report.booted)
        try remember(good: running.name)
    }

    private func remember(good: DeploymentName?) throws {
        var records = BootRecords()
        records.good = good
        try records.save(host.paths)
    }

    private func entry(_ name: String) -> FilePath {
        host.paths.bootPartition.appending("loader/entries/\(name).conf")
    }

    private func write(_ name: String, _ text: String) throws {
        let file = try Descriptor(opening: entry(name).string, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.write(Array(text.utf8))
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try Files.read(entry(name), limit: 9999), as: UTF8.self)
    }

    private func cleanUp() throws {
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
    }

    /// What runs is there, with its kernel.
    private func expectProtected(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let checksum = try #require(running.bootChecksum, sourceLocation: sourceLocation)
        #expect(host.report.booted?.name == running.name, sourceLocation: sourceLocation)
        #expect(
            Files.isFolder(host.paths.folder(of: running.name).appending("usr/lib")), sourceLocation: sourceLocation)
        #expect(
            host.loader.partition.hasKernel(BootPartition.kernelFolder(for: checksum)), sourceLocation: sourceLocation)
    }

    @Test(
        "/etc is carried over from what runs, though its entry is lost: not from the one that has an entry",
        arguments: ["", "title cut", nil])
    func etcOfTheRunning(_ damage: String?) throws {
        if let damage { try write("host-000002", damage) } else { try Files.remove(entry("host-000002")) }
        let etc = host.paths.folder(of: running.name).appending("etc")
        try Files.replace(etc.appending("mine"), with: Array("yes\n".utf8))
        let staged = try host.deploy("3")
        #expect(try StagedDeployment.load(host.paths)?.merging == running.name)
        try host.finalize()
        let merged = host.paths.folder(of: staged.name).appending("etc/mine")
        #expect(try Files.read(merged, limit: 99) == Array("yes\n".utf8))
        // And it can be gone back to.
        #expect(host.versions == ["3+3", "2", "1"])
        try host.boot()
        _ = try host.change()
        #expect(host.versions == ["3", "2"])
        try host.expectHealthy()
    }

    @Test("upgrades, a cleanup and --prune keep what runs and its kernel while it has no entry")
    func noEntry() throws {
        try Files.remove(entry("host-000002"))
        try cleanUp()
        try expectProtected()
        _ = try host.change()
        try expectProtected()
        try host.deploy(PartitionFixture.image("3"), prunes: true)
        try expectProtected()
        #expect(host.versions == ["2", "1", "[3]"])
        try Files.remove(entry("host-000003"))
        // The same between staging and the shutdown.
        try host.finalize()
        #expect(host.versions == ["3+3", "2", "1"])
        try expectProtected()
    }

    @Test("an interrupted change that names what runs, or the last good one, removes neither") func pendingNamesIt()
        throws
    {
        let older = try #require(host.report.rollback)
        try remember(good: older.name)
        for name in ["host-000002", "host-000001"] { try Files.remove(entry(name)) }
        try PendingChange(.cleanup, running.name, dropping: [running.name, older.name]).save(host.paths)
        try cleanUp()
        #expect(try PendingChange.load(host.paths) == nil)
        try expectProtected()
        #expect(Files.isFolder(host.paths.folder(of: older.name).appending("usr")))
        let checksum = try #require(older.bootChecksum)
        #expect(host.loader.partition.hasKernel(BootPartition.kernelFolder(for: checksum)))
    }

    @Test("the last good deployment outlives two upgrades and a cleanup without an entry of its own")
    func lastGoodWithoutEntry() throws {
        try host.deploy("3")
        try host.finalize()
        try host.boot(isGood: false)
        try Files.remove(entry("host-000002"))
        for version in ["4", "5"] {
            try host.deploy(version)
            try host.finalize()
            try host.boot(isGood: false)
            try cleanUp()
        }
        #expect(Files.isFolder(host.paths.folder(of: running.name).appending("usr")))
        let checksum = try #require(running.bootChecksum)
        #expect(host.loader.partition.hasKernel(BootPartition.kernelFolder(for: checksum)))
    }

    @Test("what runs on trial gets its entry back with the tries that were left, not as a good one")
    func lostTrial() throws {
        try host.deploy("3")
        try host.finalize()
        try host.boot(isGood: false)
        let text = try text("host-000003+3")
        try Files.remove(entry("host-000003+3"))
        try write(
            "host-000003+1-2",
            String(text.split(separator: "initrd")[0] + "options " + text.split(separator: "options ")[1]))
        #expect(host.problems.contains(.damagedBootEntry))
        try host.deploy("4")
        #expect(host.versions == ["3+1", "2", "[4]"] || host.versions == ["3+1", "2", "1", "[4]"])
    }

    @Test("a deployment that was never said to be good is no longer counted when it is all there is to come back to")
    func nothingProven() throws {
        let host = try PartitionFixture()
        try host.deploy("1")
        try host.boot(isGood: false)
        #expect(host.versions == ["1+3"])
        try host.deploy("2")
        try host.finalize()
        #expect(host.versions == ["2+3", "1"])
        try host.expectHealthy()
    }

    @Test(
        "a good entry that leads nowhere is not what the host comes back to: it goes, or is mended, before one on trial"
    )
    func emptyPromise() throws {
        // 1 is the default again, and its folder is gone; 2 runs.
        #expect(try host.change("hostctl rollback").rollback().version == "1")
        let lost = try #require(host.report.defaultDeployment)
        try Files.removeTree(host.paths.folder(of: lost.name))
        try host.deploy("3")
        try host.finalize()
        #expect(try host.entries.count == 2)
        #expect(host.versions == ["3+3", "2"])
        // Its link is lost, too: that is mended.
        try Files.remove(host.paths.bootLink(of: running.name))
        try host.boot()
        try host.deploy("4")
        try host.finalize()
        let entries = try host.loader.listing().entries
        #expect(entries.dropFirst().contains { $0.counter == nil && host.loader.partition.canBoot($0) })
    }

    @Test("a truncated entry that a loader would still start is taken out of the way of the one to come back to")
    func halfAnEntry() throws {
        #expect(try host.change("hostctl rollback").rollback().version == "1")
        let name = try #require(try host.entries.first)
        let whole = try text(name)
        try write(name, String(whole.prefix(whole.utf8.count - 20)))
        try host.deploy("3")
        try host.finalize()
        #expect(try host.loader.listing().damaged.isEmpty)
        #expect(host.versions == ["3+3", "2"])
    }

    @Test("marking the one good deployment bad is refused while the other is on trial") func lastProven() throws {
        try host.deploy("3")
        try host.finalize()
        try host.boot(isGood: false)
        _ = try host.change()
        #expect(host.versions == ["3+3", "2"])
        #expect(throws: BootLoaderError.lastGood(2)) { try host.loader.markBad(generation: 2) }
        #expect(throws: BootLoaderError.lastGood(2)) { try host.loader.remove(generation: 2) }
        // The folder of the good one is gone: it is nothing to come back to, and the other is all there is.
        try Files.removeTree(host.paths.folder(of: running.name))
        #expect(throws: BootLoaderError.lastEntry(3)) { try host.loader.markBad(generation: 3) }
        try host.loader.remove(generation: 2)
    }

    // MARK: killed in between

    private func trial(_ arguments: String..., at point: String? = nil) throws {
        let program = BuiltProducts.folder.appending("deployment-trial").string
        let result = try run(
            [program, host.root.string] + arguments, environment: point.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:])
        #expect(
            point == nil ? result.status == 0 : result.end == .signaled(9),
            "\(point ?? "") \(result.text)\(result.errorText)")
    }

    @Test(
        "killed while what runs gets its entry back, it has the entry or not, and the next shutdown completes it",
        arguments: ["fallback.before-entry", "fallback.after-entry"])
    func killedAtEntry(_ point: String) throws {
        try host.deploy("3")
        try Files.remove(entry("host-000002"))
        try trial("finalize", at: point)
        try expectProtected()
        #expect(host.versions == (point == "fallback.after-entry" ? ["2", "1", "[3]"] : ["1", "[3]"]))
        try trial("finalize")
        #expect(host.versions == ["3+3", "2", "1"])
        try expectProtected()
    }

    @Test(
        "killed while what runs becomes the one to come back to, its entry is there, and the next shutdown completes it",
        arguments: ["fallback.before-counter", "fallback.after-counter"])
    func killedAtCounter(_ point: String) throws {
        try host.deploy("3")
        // All that was good is on trial again, by hand.
        for name in ["host-000002", "host-000001"] {
            try #require(rename(entry(name).string, entry("\(name)+2-1").string) == 0)
        }
        try trial("finalize", at: point)
        #expect(host.versions == [point == "fallback.after-counter" ? "2" : "2+2", "1+2", "[3]"])
        try trial("finalize")
        #expect(host.versions == ["3+3", "2", "1+2"])
    }

    @Test("killed before what leads nowhere is taken out of the way, nothing is lost, and the next upgrade does it")
    func killedAtRemoval() throws {
        #expect(try host.change("hostctl rollback").rollback().version == "1")
        let lost = try #require(host.report.defaultDeployment)
        try Files.removeTree(host.paths.folder(of: lost.name))
        let commit = try PartitionFixture.image("3").commit(to: host.fixture.store)
        try trial("deploy", commit.hex, TestImage.ref, at: "fallback.before-removal")
        try expectProtected()
        #expect(try host.entries.count == 2)
        try trial("deploy", commit.hex, TestImage.ref)
        try trial("finalize")
        #expect(host.versions == ["3+3", "2"])
        try expectProtected()
    }
}
