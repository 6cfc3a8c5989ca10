import BootLoaders
import Deployments
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

private let isThorough = ProcessVariables["HOSTCTL_TESTS"] != "quick"

private let points =
    ["repair.before-entry:2", "repair.after-entry", "boot.after-file-rename"]
    + (isThorough
        ? [
            "repair.before-entry", "repair.after-entry:2", "boot.before-entry", "boot.before-file-flush",
            "boot.after-file-flush", "boot.before-file-rename", "boot.before-file-rename:2", "boot.after-name-flush",
            "boot.after-folder-flush", "boot.after-entry", "boot.after-entry:2", "boot.before-link", "boot.after-link",
            "boot.after-kernel:2",
        ] : [])

private let roomPoints =
    ["repair.after-move", "repair.after-entry", "repair.after-removal"]
    + (isThorough
        ? ["repair.before-move", "repair.before-entry", "repair.before-removal", "boot.after-entry-removal"] : [])

/// Entries that are made anew: where they were, with the tries that they had.
@Suite(.enabled(if: geteuid() == 0)) struct PartitionRepairTests {
    private let host: PartitionFixture
    private var trial: String { BuiltProducts.folder.appending("deployment-trial").string }

    init() throws { host = try .running() }

    private var entries: FilePath { host.paths.bootPartition.appending("loader/entries") }

    private func rename(_ old: String, _ new: String) throws {
        try #require(
            Glibc.rename(entries.appending("\(old).conf").string, entries.appending("\(new).conf").string) == 0)
    }

    private func write(_ name: String, _ text: String) throws {
        let path = entries.appending("\(name).conf").string
        try Descriptor(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600).write(Array(text.utf8))
    }

    private func repair(at point: String? = nil) throws {
        let variables = point.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:]
        let result = try run([trial, host.root.string, "repair"], environment: variables)
        #expect(
            point == nil ? result.status == 0 : result.end == .signaled(9),
            "\(point ?? "") \(result.text)\(result.errorText)")
    }

    /// 3 runs on trial, with one try left of three; 2 is good.
    private func onTrial() throws {
        try host.deploy("3")
        try host.finalize()
        try host.boot(isGood: false)
        _ = try host.change()
        try rename("host-000003+3", "host-000003+1-2")
        #expect(host.versions == ["3+1", "2"])
        // As the service does it at each boot.
        try SysrootChange.refreshStatus(host.paths, command: "hostctl boot record", host: host.host)
    }

    @Test("all entries are made anew with the tries that were left, not with fresh ones or none to be counted")
    func counters() throws {
        try onTrial()
        try Files.removeTree(host.paths.bootPartition.appending("loader"))
        try repair()
        #expect(host.versions == ["3+1", "2"])
        #expect(try host.loader.listing().entries.first?.counter == TryCounter(left: 1, done: 2))
        try host.expectHealthy()
    }

    @Test("a release that was found bad gets its entry back without a try") func bad() throws {
        try onTrial()
        var records = BootRecords()
        records.good = host.report.listed[1].name
        records.add(.init(commit: host.report.listed[0].checksum, version: "3", time: 1, reason: "it panics"))
        try records.save(host.paths)
        try Files.removeTree(host.paths.bootPartition.appending("loader"))
        try repair()
        #expect(host.versions == ["2", "3+0"])
    }

    @Test("a repair of all entries, killed anywhere, goes on where it was", arguments: points)
    func killed(_ point: String) throws {
        try onTrial()
        try Files.removeTree(host.paths.bootPartition.appending("loader"))
        let kernels = try host.loader.partition.kernelFolders()
        for folder in kernels {
            try Files.remove(host.loader.partition.own.appending(folder).appending("vmlinuz"))
        }
        try Files.removeTree(host.paths.bootLinks.appending("host"))
        try repair(at: point)
        for entry in try host.loader.listing().entries { #expect(host.loader.partition.canBoot(entry)) }
        try repair()
        #expect(host.versions == ["3+1", "2"])
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
        try host.expectHealthy()
    }

    @Test("the older deployment's entry comes back behind the newer one's: what boots next does not change")
    func place() throws {
        try Files.remove(entries.appending("host-000001.conf"))
        try repair()
        #expect(try host.entries == ["host-000002", "host-000001"])
        try host.expectHealthy()
    }

    @Test(
        "where a damaged file is in the way, the others move up, the default first, killed anywhere",
        arguments: [nil] + roomPoints)
    func room(_ point: String?) throws {
        try write("host-000001", "")
        if let point {
            try repair(at: point)
            #expect(host.report.defaultDeployment?.version == "2")
        }
        try repair()
        #expect(host.versions == ["2", "1"])
        try host.expectHealthy()
    }

    @Test("the counter of a damaged file that still names its deployment counts") func damagedName() throws {
        try onTrial()
        let text = String(
            decoding: try Files.read(entries.appending("host-000003+1-2.conf"), limit: 9999), as: UTF8.self)
        try Files.remove(entries.appending("host-000003+1-2.conf"))
        try write("host-000003+2-1", text.replacing("initrd ", with: "nothing "))
        #expect(host.problems.contains(.damagedBootEntry))
        try repair()
        #expect(host.versions == ["3+2", "2"])
        try host.expectHealthy()
    }

    @Test("what stock tools have deployed gets no entry") func stock() throws {
        _ = try PartitionFixture.image("9").commit(to: host.fixture.store)
        let deployed = try run(
            ["/usr/bin/ostree", "admin", "deploy", "--sysroot=\(host.root)", "--os=host", TestImage.ref])
        #expect(deployed.status == 0, "\(deployed.errorText)")
        try Files.remove(entries.appending("host-000001.conf"))
        try repair()
        #expect(host.versions == ["2", "1"])
    }

    @Test("a copy with a counter goes, and a copy of a higher number does not take a good entry's place")
    func copies() throws {
        let text = String(decoding: try Files.read(entries.appending("host-000002.conf"), limit: 9999), as: UTF8.self)
        try write("host-000002+2-1", text)
        try write("host-000009+3", text)
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
        #expect(try host.entries == ["host-000002", "host-000001"])
        try host.expectHealthy()
    }

    @Test("a report that was written without the boot partition does not make what was on trial a good one")
    func reportWithoutPartition() throws {
        try onTrial()
        try host.unmount()
        try SysrootChange.refreshStatus(host.paths, command: "hostctl boot failed", host: host.host)
        let report = host.report
        #expect(report.listed.count == 2)
        #expect(report.listed.allSatisfy { $0.areTriesUnknown && $0.isOnTrial && !$0.isProven })
        #expect(report.retained(in: "host", lastGood: nil) == Set(report.listed.map(\.name)))
        #expect(StatusFile(host.paths).triesLeft(of: report.listed[0].name) == nil)
        // All that was on it is lost.
        try host.mount()
        try repair()
        #expect(host.versions == ["3+1", "2+1"])
    }
}
