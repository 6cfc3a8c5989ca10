import BootLoaders
import Deployments
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// Deploying, staging and rolling back on a host that has a boot partition.
@Suite(.enabled(if: geteuid() == 0)) struct PartitionTests {
    @Test("a deployment that is installed gets its link, its kernel and an entry that is counted")
    func install() throws {
        let host = try PartitionFixture()
        let record = try host.deploy("1")
        #expect(record.isDefault && record.triesLeft == 3)
        #expect(try host.entries == ["host-000001+3"])
        #expect(
            Files.linkTarget(host.paths.bootLink(of: record.name))
                == "../../../deploy/host/deploy/\(record.name.folderName)")
        try host.expectHealthy()
    }

    @Test("where nothing runs, an upgrade switches at once, and takes local changes of /etc along")
    func deployAtOnce() throws {
        let host = try PartitionFixture()
        let first = try host.deploy("1")
        let etc = host.paths.folder(of: first.name).appending("etc")
        try Files.replace(etc.appending("setting"), with: Array("mine\n".utf8))
        let second = try host.deploy("2")
        #expect(host.versions == ["2+3", "1+3"])
        let merged = host.paths.folder(of: second.name).appending("etc")
        #expect(try Files.read(merged.appending("setting"), limit: 99) == Array("mine\n".utf8))
        #expect(try Files.read(merged.appending("release"), limit: 99) == Array("2\n".utf8))
        try host.expectHealthy()
        try host.deploy("3")
        #expect(host.versions == ["3+3", "2+3"])
        try host.expectHealthy()
    }

    @Test("on the running host an upgrade is staged: listed, but nothing boots it before the shutdown")
    func stage() throws {
        let host = try PartitionFixture.running()
        try host.expectHealthy()
        let before = try host.entries
        let record = try host.deploy("3")
        #expect(record.isStaged && !record.isDefault && !record.isListed)
        #expect(host.versions == ["2", "1", "[3]"])
        #expect(try host.entries == before)
        try host.expectHealthy()
        // A power cut before the shutdown: nothing has changed, and it is still staged.
        try host.finalize(resuming: true)
        #expect(host.versions == ["2", "1", "[3]"])
    }

    @Test("the shutdown merges /etc as it is then, and gives the entry") func finalize() throws {
        let host = try PartitionFixture.running()
        let staged = try host.deploy("3")
        let booted = try #require(host.report.booted)
        let etc = host.paths.folder(of: booted.name).appending("etc")
        try Files.replace(etc.appending("late"), with: Array("after staging\n".utf8))
        let start = ContinuousClock.now
        try host.finalize()
        print("finalized in \(ContinuousClock.now - start)")
        #expect(host.versions == ["3+3", "2", "1"])
        let merged = host.paths.folder(of: staged.name).appending("etc")
        #expect(try Files.read(merged.appending("late"), limit: 99) == Array("after staging\n".utf8))
        #expect(try StagedDeployment.load(host.paths) == nil)
        #expect(try History(host.paths).entries().map(\.action).suffix(2) == [.stage, .finalize])
        try host.boot()
        // What it has replaced goes with the next turn.
        try host.finalize(resuming: true)
        _ = try host.change()
        #expect(host.versions == ["3", "2"])
        try host.expectHealthy()
        // And again is nothing.
        guard case .nothing = try host.finalize() else { return #expect(Bool(false), "finalized twice") }
    }

    @Test("with GRUB the same holds") func grub() throws {
        let host = try PartitionFixture.running(.grub)
        try host.expectHealthy()
        try host.deploy("3")
        #expect(host.versions == ["2", "1", "[3]"])
        try host.finalize()
        #expect(host.versions == ["3+3", "2", "1"])
        try host.boot()
        #expect(try host.change("hostctl rollback").rollback().version == "2")
        #expect(host.versions == ["2", "3"])
        try host.expectHealthy()
    }

    @Test("a second upgrade replaces what is staged, and a cleanup keeps it") func replace() throws {
        let host = try PartitionFixture.running()
        try host.deploy("3")
        try host.deploy("4")
        #expect(host.versions == ["2", "1", "[4]"])
        try host.expectHealthy()
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
        #expect(host.versions == ["2", "1", "[4]"])
        try host.expectHealthy()
        try host.finalize()
        #expect(host.versions == ["4+3", "2", "1"])
    }

    @Test("a rollback discards what is staged, and the next one goes back") func discard() throws {
        let host = try PartitionFixture.running()
        try host.deploy("3")
        let change = try host.change("hostctl rollback")
        #expect(try change.rollback().version == "2")
        #expect(change.discarded?.version == "3")
        withExtendedLifetime(change) {}
        #expect(host.versions == ["2", "1"])
        try host.expectHealthy()
    }

    @Test("a rollback adds a newer entry for the older deployment, and touches no other") func rollback() throws {
        let host = try PartitionFixture.running()
        #expect(try host.entries == ["host-000002", "host-000001"])
        let other = host.paths.bootPartition.appending("loader/entries/host-000002.conf")
        let bytes = try Files.read(other, limit: 9999)
        let start = ContinuousClock.now
        #expect(try host.change("hostctl rollback").rollback().version == "1")
        print("rolled back in \(ContinuousClock.now - start)")
        #expect(try host.entries == ["host-000003", "host-000002"])
        #expect(try Files.read(other, limit: 9999) == bytes)
        try host.expectHealthy()
        #expect(try host.change("hostctl rollback").rollback().version == "2")
        #expect(try host.entries == ["host-000004", "host-000003"])
        try host.expectHealthy()
    }

    @Test("the deployment of the last good boot outlives upgrades that were never good") func lastGood() throws {
        let host = try PartitionFixture.running()
        for version in ["3", "4", "5"] {
            try host.deploy(version)
            try host.finalize()
            try host.boot(isGood: false)
        }
        _ = try host.change()
        #expect(host.versions.contains("2"))
        try host.expectHealthy()
    }

    @Test("a pin is told from the mark that only keeps stock tools off") func pin() throws {
        let host = try PartitionFixture.running()
        #expect(host.report.listed.allSatisfy { !$0.isPinned })
        #expect(try host.change("hostctl pin").setPinned(1, true).isPinned)
        for version in ["3", "4"] {
            try host.deploy(version)
            try host.finalize()
            try host.boot()
        }
        _ = try host.change()
        #expect(host.versions == ["4", "3", "1"])
        try host.expectHealthy()
        #expect(try !host.change("hostctl unpin").setPinned(2, false).isPinned)
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
        #expect(host.versions == ["4", "3"])
        try host.expectHealthy()
    }

    @Test("kernel arguments of what is staged are those of the next upgrade") func arguments() throws {
        let host = try PartitionFixture.running()
        try host.deploy(PartitionFixture.image("3"), arguments: ["quiet", "mine=\"a b\""])
        try host.deploy("4")
        try host.finalize()
        #expect(host.report.listed[0].kernelArguments == ["quiet", "mine=\"a b\""])
        #expect(host.report.listed[1].kernelArguments == [])
    }

    @Test("a factory reset of the running host is staged: its /etc and /var change at the shutdown")
    func factoryReset() throws {
        let host = try PartitionFixture.running()
        let booted = try #require(host.report.booted)
        let etc = host.paths.folder(of: booted.name).appending("etc")
        try Files.replace(etc.appending("local"), with: Array("mine\n".utf8))
        let state = host.paths.deploy.appending("host/var")
        try Files.replace(state.appending("data"), with: Array("data\n".utf8))
        let report = try host.change("hostctl factory-reset").factoryReset(ResetRequest())
        #expect(report.deployment.isStaged)
        // Other commands leave it as it is.
        _ = try host.change()
        #expect(Files.exists(state.appending("data")) && host.report.staged?.name == report.deployment.name)
        try host.finalize()
        let new = try #require(host.report.defaultDeployment)
        #expect(new.name == report.deployment.name)
        #expect(!Files.exists(host.paths.folder(of: new.name).appending("etc/local")))
        #expect(!Files.exists(state.appending("data")))
        #expect(Files.exists(host.root.appending(report.formerState).appending("data")))
    }

    @Test("a staged deployment that cannot be switched to is told, stays staged, and does not stop anything else")
    func failedFinalization() throws {
        let host = try PartitionFixture.running()
        let staged = try host.deploy("3")
        try Files.removeTree(host.paths.folder(of: staged.name))
        #expect(throws: DeploymentError.self) { try host.finalize() }
        let failure = try #require(try FailureRecord.load(host.paths))
        #expect(failure.command == SysrootChange.finalizeCommand)
        #expect(try PendingChange.load(host.paths) == nil)
        #expect(host.versions == ["2", "1"])
        #expect(host.problems == [.missingFolder])
        try host.deploy("4")
        #expect(host.versions == ["2", "1", "[4]"])
        try host.expectHealthy()
    }
}
