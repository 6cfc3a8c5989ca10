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

private let isThorough = ProcessVariables["HOSTCTL_TESTS"] != "quick"

private let stagePoints =
    [
        "stage.after-prepare", "stage.after-record", "deploy.after-checkout", "boot.after-kernel",
        "mirror.before-switch",
    ]
    + (isThorough
        ? [
            "deploy.before-lease", "deploy.after-lease", "deploy.before-checkout", "mirror.after-switch",
            "deploy.after-mirror", "boot.before-link", "boot.after-link", "boot.before-file-rename",
            "boot.after-file-rename:2", "deploy.before-prune", "prune.after-entries", "deploy.after-prune",
        ] : [])

private let finalizePoints =
    ["finalize.before-switch", "finalize.after-switch", "etc.after-switch", "boot.after-file-rename"]
    + (isThorough
        ? [
            "finalize.before-etc", "etc.before-aside", "etc.before-flush", "etc.before-switch", "etc.before-removal",
            "finalize.after-etc", "boot.before-entry", "boot.before-file-flush", "boot.after-file-flush",
            "boot.before-file-rename", "boot.after-folder-flush", "boot.after-entry", "finalize.after-record",
            "mirror.before-switch", "mirror.after-switch",
        ] : [])

private let rollbackPoints =
    ["rollback.before-switch", "boot.after-file-rename", "rollback.after-switch", "boot.before-entry-removal"]
    + (isThorough
        ? [
            "boot.before-entry", "boot.before-file-rename", "boot.after-entry-removal", "prune.after-entries",
            "mirror.before-switch", "mirror.after-switch", "deploy.after-prune",
        ] : [])

private let prunePoints =
    ["boot.after-entry-removal", "prune.after-link", "boot.before-kernel-removal"]
    + (isThorough ? ["prune.after-entries", "prune.after-folder", "boot.after-kernel-removal"] : [])

/// kill -9 at a named place on a host with a boot partition, then the same command again.
@Suite(.enabled(if: geteuid() == 0)) struct PartitionKillTests {
    private let host: PartitionFixture
    private var trial: String { BuiltProducts.folder.appending("deployment-trial").string }

    init() throws { host = try .running() }

    private func kill(at point: String, _ arguments: String...) throws {
        let result = try run([trial, host.root.string] + arguments, environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(point) was not reached: \(result.text)\(result.errorText)")
    }

    private func again(_ arguments: String...) throws {
        let result = try run([trial, host.root.string] + arguments)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
    }

    /// What the loader would start first is complete, and so is all that any entry leads to.
    private func expectBootable(_ defaults: String...) throws {
        let listing = try host.loader.listing()
        let first = try #require(listing.entries.first)
        let name = try #require(DeploymentName(text: first.deployment))
        #expect(Files.isFolder(host.paths.bootLink(of: name).appending("usr/lib/modules")))
        #expect(Files.isFolder(host.paths.folder(of: name).appending("etc")))
        #expect(listing.damaged.isEmpty)
        for entry in listing.entries { #expect(host.loader.partition.hasKernel(entry.kernelFolder)) }
        let report = host.report
        #expect(defaults.contains(report.defaultDeployment?.version ?? "none"))
        #expect(report.booted?.version == "2")
        #expect(report.listed.allSatisfy { $0.problems.isEmpty })
        try host.fixture.fsck()
    }

    @Test("staging killed anywhere is completed by running it again", arguments: stagePoints)
    func stage(_ point: String) throws {
        let commit = try PartitionFixture.image("3").commit(to: host.fixture.store)
        try kill(at: point, "deploy", commit.hex, TestImage.ref)
        try expectBootable("2")
        try again("deploy", commit.hex, TestImage.ref)
        #expect(host.versions == ["2", "1", "[3]"])
        try host.expectHealthy()
    }

    @Test("another command after killed staging leaves nothing of it, or has it staged", arguments: stagePoints)
    func otherCommand(_ point: String) throws {
        let commit = try PartitionFixture.image("3").commit(to: host.fixture.store)
        try kill(at: point, "deploy", commit.hex, TestImage.ref)
        try again("cleanup")
        #expect(host.versions == ["2", "1"] || host.versions == ["2", "1", "[3]"])
        try host.expectHealthy()
    }

    @Test("a second staging killed anywhere has the old or the new one staged", arguments: stagePoints)
    func restage(_ point: String) throws {
        try host.deploy("3")
        let commit = try PartitionFixture.image("4").commit(to: host.fixture.store)
        try kill(at: point, "deploy", commit.hex, TestImage.ref)
        try expectBootable("2")
        #expect(["3", "4"].contains(host.report.staged?.version))
        try again("deploy", commit.hex, TestImage.ref)
        #expect(host.versions == ["2", "1", "[4]"])
        try host.expectHealthy()
    }

    @Test(
        "a finalization killed anywhere boots old or new; only what was switched is completed, the rest stays staged",
        arguments: finalizePoints)
    func finalize(_ point: String) throws {
        try host.deploy("3")
        try host.edit("local", "before\n")
        let folder = host.paths.folder(of: try #require(host.report.staged?.name))
        let isImmutable = try Files.isImmutable(folder)
        try kill(at: point, "finalize")
        try expectBootable("2", "3")
        let isSwitched = host.report.defaultDeployment?.version == "3"
        // The boot of the old deployment, and any other command, leave it staged.
        try again("finalize", "--resume")
        _ = try host.change()
        #expect(host.versions.first == (isSwitched ? "3+3" : "2"))
        #expect(host.report.staged?.version == (isSwitched ? nil : "3"))
        if !isSwitched { try host.expectHealthy() }
        // What is changed now is there after the next shutdown.
        try host.edit("local", "after\n")
        try again("finalize")
        let new = try #require(host.report.defaultDeployment)
        #expect(new.version == "3")
        // A merge that was killed has left it changeable.
        #expect(try Files.isImmutable(folder) == isImmutable)
        #expect(try host.etc("local", of: host.paths.folder(of: new.name)) == (isSwitched ? "before\n" : "after\n"))
        #expect(try StagedDeployment.load(host.paths) == nil)
        _ = try host.change()
        #expect(host.versions == ["3+3", "2"])
        try host.expectHealthy()
        #expect(try History(host.paths).entries().filter { $0.action == .finalize }.count == 2)
    }

    @Test("what /etc was before the merge, whose removal a power cut has lost, goes when the finalization is completed")
    func formerEtc() throws {
        try host.deploy("3")
        try kill(at: "finalize.after-switch", "finalize")
        let new = try #require(host.report.defaultDeployment)
        let former = host.paths.folder(of: new.name).appending("etc.hostctl-new")
        try Files.whileChangeable(host.paths.folder(of: new.name)) { try Files.makeFolder(former.appending("x")) }
        try again("finalize", "--resume")
        #expect(!Files.exists(former))
        _ = try host.change()
        try host.expectHealthy()
    }

    @Test("no other command freezes /etc by completing a finalization that was cut off", arguments: finalizePoints)
    func finalizeOtherwise(_ point: String) throws {
        try host.deploy("3")
        try kill(at: point, "finalize")
        let isSwitched = host.report.defaultDeployment?.version == "3"
        try again("cleanup")
        #expect(host.versions == (isSwitched ? ["3+3", "2"] : ["2", "1", "[3]"]))
        try host.expectHealthy()
    }

    @Test("a rollback killed anywhere is made, once, by running it again", arguments: rollbackPoints)
    func rollback(_ point: String) throws {
        try kill(at: point, "rollback")
        try expectBootable("1", "2")
        try again("rollback")
        #expect(host.versions == ["1", "2"])
        try host.expectHealthy()
    }

    @Test(
        "discarding what is staged, killed anywhere, is completed by the next command",
        arguments: ["discard.before-record", "discard.after-record", "prune.after-link", "prune.after-folder"])
    func discard(_ point: String) throws {
        try host.deploy("3")
        try kill(at: point, "rollback")
        try expectBootable("2")
        try again("cleanup")
        #expect(host.versions == ["2", "1"])
        try host.expectHealthy()
    }

    @Test("removing what an upgrade has replaced, killed anywhere, is completed", arguments: prunePoints)
    func removal(_ point: String) throws {
        try host.deploy("3")
        try host.finalize()
        try kill(at: point, "cleanup")
        try expectBootable("3")
        try again("cleanup")
        #expect(host.versions == ["3+3", "2"])
        try host.expectHealthy()
    }

    @Test(
        "an installation killed anywhere is completed",
        arguments: ["boot.after-kernel", "deploy.before-switch", "boot.after-file-rename:3", "deploy.after-switch"])
    func install(_ point: String) throws {
        let new = try PartitionFixture()
        let commit = try PartitionFixture.image("1").commit(to: new.fixture.store)
        let arguments = [trial, new.root.string, "install", "host", commit.hex, TestImage.ref]
        #expect(try run(arguments, environment: ["HOSTCTL_FAULT_POINT": point]).end == .signaled(9))
        let result = try run(arguments)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
        #expect(new.versions == ["1+3"])
        try new.expectHealthy()
    }
}
