import BootLoaders
import Deployments
import EtcMerges
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// A factory reset of the running host, and which /var whoever boots has around it.
@Suite(.enabled(if: geteuid() == 0)) struct FactoryResetTests {
    private let host: PartitionFixture
    /// What ran when it was reset.
    private let old: DeploymentName

    init() throws {
        host = try .running()
        old = try #require(host.report.booted).name
        try Files.makeFolder(host.state(of: old))
        try write("data", "old", old)
        try write("kept", "at the command", old)
    }

    private func write(_ file: String, _ text: String, _ name: DeploymentName) throws {
        try Files.replace(host.state(of: name).appending(file), with: Array(text.utf8))
    }

    private func read(_ file: String, _ name: DeploymentName) throws -> String? {
        try Files.readIfPresent(host.state(of: name).appending(file), limit: 99)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    private func reset(keeping: String...) throws -> ResetReport {
        try host.change("hostctl factory-reset").factoryReset(ResetRequest(state: keeping.map { EtcPath($0) }))
    }

    private func kill(at point: String, _ arguments: String...) throws {
        let trial = BuiltProducts.folder.appending("deployment-trial").string
        let result = try run([trial, host.root.string] + arguments, environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(point) was not reached: \(result.text)\(result.errorText)")
    }

    private func cleanUp() throws {
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
    }

    private var folders: [String] {
        get throws { try Files.names(in: host.paths.deploy.appending("host")).filter { $0.hasPrefix("var") }.sorted() }
    }

    /// Whoever boots has its own: the older ones all of the old /var, the one of the reset what was to be kept.
    private func expectOwn(_ new: DeploymentName?, kept: String = "at the shutdown") throws {
        #expect(try read("data", old) == "old" && read("kept", old) == "at the shutdown")
        guard let new, host.report.listed.contains(where: { $0.name == new }) else { return }
        #expect(try read("data", new) == nil && read("kept", new) == kept)
        #expect(Files.isFolder(host.state(of: new).appending("log")))
    }

    @Test("what is kept of /var is what is there at the shutdown, and nothing is made before") func keptLate() throws {
        let before = try folders
        let report = try reset(keeping: "kept", "none")
        #expect(report.missing == ["/var/none"])
        #expect(try folders == before)
        try write("kept", "at the shutdown", old)
        _ = try host.change()
        try host.finalize()
        #expect(host.report.defaultDeployment?.name == report.deployment.name)
        try expectOwn(report.deployment.name)
        #expect(try folders == ["var", "var.before-reset"])
        try host.boot(isGood: false)
        _ = try host.change()
        try expectOwn(report.deployment.name)
    }

    private static let points = [
        "etc.after-switch", "reset.before-links", "reset.after-state", "finalize.before-switch",
        "boot.after-file-rename", "finalize.after-switch", "finalize.after-record", "reset.before-switch",
        "reset.before-rename", "reset.after-switch", "reset.after-record",
    ]

    @Test(
        "a reset killed anywhere at the shutdown: whoever boots has its own /var, before and after", arguments: points)
    func killed(_ point: String) throws {
        let new = try reset(keeping: "kept").deployment.name
        try write("kept", "at the shutdown", old)
        try kill(at: point, "finalize")
        try expectOwn(new)
        let isSwitched = host.report.defaultDeployment?.name == new
        if isSwitched { try host.boot(isGood: false) }
        try host.finalize(resuming: true)
        try expectOwn(new)
        _ = try host.change()
        try expectOwn(new)
        #expect(host.report.staged?.name == (isSwitched ? nil : new))
        if !isSwitched {
            #expect(try !folders.contains("var.before-reset"))
            try host.finalize()
        }
        try expectOwn(new)
        #expect(try folders == ["var", "var.before-reset"])
        #expect(host.problems.isEmpty)
    }

    @Test("discarded, a staged reset leaves nothing", arguments: ["reset.after-state", "finalize.before-switch"])
    func discarded(_ point: String) throws {
        _ = try reset(keeping: "kept")
        try kill(at: point, "finalize")
        _ = try host.change("hostctl rollback").rollback()
        _ = try host.change()
        #expect(try folders == ["var"])
        #expect(try read("data", old) == "old")
        #expect(try Files.namesIfPresent(in: host.paths.state.appending("var/host")) == [])
        #expect(!Files.exists(host.paths.state.appending("reset.json")))
    }

    /// The reset is switched to and does not come up.
    private func fail() throws -> DeploymentName {
        let new = try reset(keeping: "kept").deployment.name
        try write("kept", "at the shutdown", old)
        try host.finalize()
        try host.boot(isGood: false)
        try write("made", "by the reset", new)
        for entry in try host.loader.listing().entries(of: new.description) {
            try host.loader.markBad(generation: entry.generation)
        }
        try host.boot()
        #expect(host.report.booted?.name == old)
        return new
    }

    @Test(
        "where the reset does not come up, the last good one has its old /var, which no cleanup removes, and goes on with it"
    )
    func failedBoot() throws {
        let new = try fail()
        try cleanUp()
        #expect(try read("data", old) == "old")
        #expect(try read("made", old) == nil)
        let next = try host.deploy("3").name
        try host.finalize()
        #expect(try read("data", next) == "old")
        try host.boot()
        try cleanUp()
        try cleanUp()
        #expect(!host.report.deployments.contains { $0.name == new })
        #expect(try read("data", next) == "old" && read("data", old) == "old")
        #expect(try folders == ["var"])
        #expect(try Files.read(host.paths.deploy.appending("host/var/data"), limit: 9) == Array("old".utf8))
        try host.expectHealthy()
    }

    @Test(
        "the old /var gets its name back, killed anywhere, and whoever boots has it all the time",
        arguments: ["reset.before-abandoning", "reset.before-adoption", "reset.after-adoption"])
    func adoption(_ point: String) throws {
        _ = try fail()
        let next = try host.deploy("3").name
        try host.finalize()
        try host.boot()
        try kill(at: point, "cleanup")
        #expect(try read("data", next) == "old" && read("data", old) == "old")
        try cleanUp()
        try cleanUp()
        #expect(try read("data", next) == "old" && read("data", old) == "old")
        #expect(try folders == ["var"])
        try host.expectHealthy()
    }

    @Test("the old /var stays until the reset has proved itself, and a cleanup removes it then") func proved() throws {
        let new = try reset(keeping: "kept").deployment.name
        try write("kept", "at the shutdown", old)
        var records = BootRecords()
        records.good = old
        try records.save(host.paths)
        try host.finalize()
        try host.boot(isGood: false)
        try cleanUp()
        try expectOwn(new)
        records.good = new
        try records.save(host.paths)
        try kill(at: "cleanup.after-release", "cleanup")
        try cleanUp()
        #expect(try folders == ["var"])
        #expect(try read("kept", new) == "at the shutdown")
        // What is only there to be gone back to has the one that is left.
        #expect(host.state(of: old) == host.paths.deploy.appending("host/var"))
        #expect(!Files.exists(host.paths.state.appending("reset.json")))
    }

    @Test("a reset whose record is lost is told, and does not start with the old /var") func lostRecord() throws {
        _ = try reset()
        try Files.remove(host.paths.state.appending("reset.json"))
        #expect(throws: DeploymentError.self) { try host.finalize() }
        #expect(host.report.defaultDeployment?.name == old && host.report.staged != nil)
        #expect(try FailureRecord.load(host.paths)?.reason.contains("factory reset") == true)
    }
}
