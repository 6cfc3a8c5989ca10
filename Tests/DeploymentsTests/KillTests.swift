import Checksums
import Deployments
import LinuxSystem
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

private let deployPoints = [
    "deploy.before-lease", "deploy.after-lease", "deploy.before-checkout", "deploy.before-merge", "deploy.after-merge",
    "deploy.after-checkout",
    "deploy.before-switch", "deploy.after-switch", "deploy.before-prune", "deploy.after-prune",
]

/// kill -9 at a named place, then the same command again.
@Suite struct KillTests {
    private let host: DeploymentFixture
    private var trial: String { BuiltProducts.folder.appending("deployment-trial").string }

    init() throws { host = try DeploymentFixture() }

    private func kill(at point: String, _ arguments: String...) throws {
        let result = try run([trial, host.root.string] + arguments, environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(point) was not reached: \(result.text)\(result.errorText)")
    }

    private func again(_ arguments: String...) throws {
        let result = try run([trial, host.root.string] + arguments)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
    }

    /// Either the old list or the new one, complete, is what boots after the kill.
    private func expectBootable(_ lists: [String]...) throws {
        let report = SysrootReader(root: host.root).report()
        #expect(lists.contains(report.listed.map { $0.version ?? "?" }))
        #expect(report.allProblems.allSatisfy { $0.kind == .interruptedChange || $0.kind == .damagedOrigin })
        #expect(report.listed.allSatisfy { $0.problems.isEmpty })
        #expect(try host.fixture.stockStatus() == host.fixture.ownStatus())
        try host.fixture.fsck()
    }

    @Test("an upgrade killed anywhere is completed by running it again", arguments: deployPoints)
    func upgrade(_ point: String) throws {
        for version in ["1", "2"] { try host.deploy(version) }
        let commit = try TestImage("3").commit(to: host.fixture.store)
        try kill(at: point, "deploy", commit.hex, TestImage.ref)
        try expectBootable(["2", "1"], ["3", "2"])
        try again("deploy", commit.hex, TestImage.ref)
        try host.expectAgreement()
        #expect(host.versions == ["3", "2"])
        #expect(try History(host.paths).entries().map(\.version) == ["1", "2", "3"])
    }

    @Test("an installation killed anywhere is completed by running it again", arguments: deployPoints)
    func install(_ point: String) throws {
        let commit = try TestImage("1").commit(to: host.fixture.store)
        try kill(at: point, "install", "host", commit.hex, TestImage.ref)
        try expectBootable([], ["1"])
        try again("install", "host", commit.hex, TestImage.ref)
        try host.expectAgreement()
        #expect(host.versions == ["1"])
    }

    @Test("another command after a killed upgrade leaves nothing of it", arguments: deployPoints)
    func otherCommand(_ point: String) throws {
        for version in ["1", "2"] { try host.deploy(version) }
        var image = TestImage("3")
        image.kernel = "new kernel"
        let commit = try image.commit(to: host.fixture.store)
        try kill(at: point, "deploy", commit.hex, TestImage.ref)
        let isSwitched = host.versions == ["3", "2"]
        try again("rollback")
        try host.expectAgreement()
        #expect(host.versions == (isSwitched ? ["2", "3"] : ["1", "2"]))
    }

    @Test(
        "killed three times at the same place, nothing piles up",
        arguments: ["deploy.after-checkout", "deploy.before-switch"])
    func repeatedly(_ point: String) throws {
        for version in ["1", "2"] { try host.deploy(version) }
        let commit = try TestImage("3").commit(to: host.fixture.store)
        for _ in 1...3 { try kill(at: point, "deploy", commit.hex, TestImage.ref) }
        #expect(try Files.names(in: host.paths.deployments(of: "host")).count == 6)
        try again("deploy", commit.hex, TestImage.ref)
        try host.expectAgreement()
        #expect(host.report.listed.map(\.name.serial) == [0, 0])
    }

    @Test("a rollback killed before its switch is made by running it again")
    func rollbackBefore() throws {
        for version in ["1", "2"] { try host.deploy(version) }
        try kill(at: "rollback.before-switch", "rollback")
        try expectBootable(["2", "1"])
        try again("rollback")
        #expect(host.versions == ["1", "2"])
        try host.expectAgreement()
    }

    @Test("a rollback killed after its switch is not undone by running it again")
    func rollbackAfter() throws {
        for version in ["1", "2"] { try host.deploy(version) }
        try kill(at: "rollback.after-switch", "rollback")
        try expectBootable(["1", "2"])
        try again("rollback")
        #expect(host.versions == ["1", "2"])
        try host.expectAgreement()
        try again("rollback")
        #expect(host.versions == ["2", "1"])
    }

    @Test("killed while a state file is replaced, the old or the new one is there", arguments: 1...6)
    func stateFiles(_ visit: Int) throws {
        for version in ["1", "2"] { try host.deploy(version) }
        let commit = try TestImage("3").commit(to: host.fixture.store)
        let point = "replace.before-rename:\(visit)"
        let result = try run(
            [trial, host.root.string, "deploy", commit.hex, TestImage.ref], environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9) || result.status == 0)
        try again("deploy", commit.hex, TestImage.ref)
        #expect(host.versions.first == "3")
        #expect(host.report.allProblems == [])
        try host.fixture.fsck()
    }
}
