import BootLoaders
import Deployments
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// Where a rollback goes on a host that counts its boots.
@Suite(.enabled(if: geteuid() == 0)) struct RollbackChoiceTests {
    private let host: PartitionFixture

    /// A running host at 3, with 2 and, pinned, 1 to go back to.
    init() throws {
        host = try .running()
        _ = try host.change("hostctl pin").setPinned(1, true)
        try host.deploy("3")
        try host.finalize()
        try host.boot()
        _ = try host.change()
        #expect(host.versions == ["3", "2", "1"])
    }

    private func rollBack() throws -> String? { try host.change("hostctl rollback").rollback().version }

    private func condemn(_ index: Int, _ reason: String) throws {
        var records = try BootRecords.load(host.paths)
        records.add(.init(commit: host.report.listed[index].checksum, version: nil, time: 1, reason: reason))
        try records.save(host.paths)
    }

    @Test("a rollback passes over a release that did not come up") func bad() throws {
        try condemn(1, "it panics")
        #expect(host.report.rollback?.version == "1")
        #expect(try rollBack() == "1")
        #expect(host.versions == ["1", "3", "2"])
        try host.expectHealthy()
    }

    @Test("a rollback passes over a deployment without a try left, and over one whose folder is gone")
    func exhausted() throws {
        try host.loader.markBad(generation: 2)
        #expect(try rollBack() == "1")
        try Files.removeTree(host.paths.folder(of: try #require(host.report.listed.first { $0.version == "2" }?.name)))
        #expect(try rollBack() == "3")
    }

    @Test("where no other deployment is fit, each is told with the reason, and nothing changes") func none() throws {
        try condemn(1, "it panics")
        try host.loader.markBad(generation: 1)
        let before = try host.entries
        do {
            _ = try rollBack()
            Issue.record("it went back")
        } catch let error as DeploymentError {
            #expect(
                error.reason.contains("2: it panics") && error.reason.contains("1: the boot loader has no try left"))
            #expect(error.advice?.contains("hostctl upgrade") == true)
        }
        #expect(try host.entries == before)
        #expect(host.report.rollback == nil)
        try host.expectHealthy()
    }

    @Test("a deployment alone that is bad is passed over, too, until it is made anew") func badDeployment() throws {
        let second = host.report.listed[1]
        var records = try BootRecords.load(host.paths)
        records.add(BootRecords.BadDeployment(second.name, time: 1, reason: "its arguments are wrong"))
        try records.save(host.paths)
        #expect(try BootRecords.load(host.paths) == records)
        #expect(host.report.rollback?.version == "1")
        // Another deployment gets the name of one that is gone.
        records.add(
            BootRecords.BadDeployment(
                .init(stateroot: "host", checksum: second.checksum, serial: 1), time: 1, reason: "old"))
        try records.save(host.paths)
        let new = try host.deploy("2")
        #expect(new.name.serial == 1)
        #expect(try BootRecords.load(host.paths).reasonAgainst(new.name) == nil)
    }

    @Test("going back to one on trial gives it no fresh tries") func trial() throws {
        let entries = host.paths.bootPartition.appending("loader/entries")
        try #require(
            rename(entries.appending("host-000002.conf").string, entries.appending("host-000002+1-2.conf").string) == 0)
        #expect(try rollBack() == "2")
        #expect(host.versions == ["2+1", "3", "1"])
    }
}
