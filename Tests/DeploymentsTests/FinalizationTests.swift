import Deployments
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// What must not happen to /etc on its way into the deployment that boots next.
@Suite(.enabled(if: geteuid() == 0)) struct FinalizationTests {
    private let host: PartitionFixture

    init() throws { host = try .running() }

    private func kill(at point: String, _ arguments: String...) throws {
        let trial = BuiltProducts.folder.appending("deployment-trial").string
        let result = try run([trial, host.root.string] + arguments, environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(point) was not reached: \(result.text)\(result.errorText)")
    }

    /// The /etc of what boots next.
    private func next(_ name: String) throws -> String? {
        try host.etc(name, of: host.paths.folder(of: try #require(host.report.defaultDeployment).name))
    }

    @Test("only a host that shuts down is finalized") func notStopping() throws {
        try host.deploy("3")
        let result = try SysrootChange.finalize(root: host.root, isStopping: { false }, host: host.host)
        guard case .waiting(let staged) = result else { return #expect(Bool(false), "\(result)") }
        #expect(staged.title == "test/stable 3")
        #expect(host.versions == ["2", "1", "[3]"])
        try host.expectHealthy()
        _ = try SysrootChange.finalize(root: host.root, .demand, isStopping: { false }, host: host.host)
        #expect(host.versions.first == "3+3")
    }

    @Test("edits made after a shutdown that was cut off are in the deployment that boots after the next one")
    func editedAfterCut() throws {
        try host.deploy("3")
        try host.edit("changed", "before\n")
        try host.edit("removed", "before\n")
        try kill(at: "finalize.before-switch", "finalize")
        try host.finalize(resuming: true)
        try host.edit("changed", "after\n")
        try host.edit("added", "after\n")
        try Files.remove(host.booted().appending("etc/removed"))
        #expect(host.versions == ["2", "1", "[3]"])
        try host.finalize()
        #expect(try next("changed") == "after\n" && next("added") == "after\n" && next("removed") == nil)
        _ = try host.change()
        try host.expectHealthy()
    }

    @Test(
        "run again on a sysroot that does not run, it switches, or completes the switch",
        arguments: ["finalize.before-switch", "finalize.after-switch", "finalize.after-record"])
    func offline(_ point: String) throws {
        try host.deploy("3")
        try host.edit("local", "mine\n")
        try kill(at: point, "finalize")
        let elsewhere = RunningHost(marker: host.root.appending("none"))
        _ = try SysrootChange.finalize(root: host.root, isStopping: { false }, host: elsewhere)
        #expect(host.versions.first == "3+3")
        #expect(try StagedDeployment.load(host.paths) == nil)
        #expect(try next("local") == "mine\n")
        _ = try host.change()
        try host.expectHealthy()
    }

    @Test("a tree that was being made when the shutdown was cut off is cleared, and nothing else") func asideIsCleared()
        throws
    {
        let staged = try host.deploy("3")
        let aside = host.paths.folder(of: staged.name).appending("etc.hostctl-new")
        try kill(at: "etc.before-switch", "finalize")
        #expect(Files.exists(aside))
        try host.finalize(resuming: true)
        #expect(!Files.exists(aside))
        #expect(try PendingChange.load(host.paths) == nil)
        try host.expectHealthy()
    }

    @Test("the /etc that is merged is that of what runs, though something else ran when it was staged")
    func otherDeploymentRuns() throws {
        try host.deploy("3")
        try host.edit("where", "in 2\n")
        // The operator chooses the older one in the loader's menu.
        try host.boot(version: "1")
        try host.edit("where", "in 1\n")
        try host.finalize()
        #expect(try next("where") == "in 1\n")
    }

    @Test("where it cannot be told what runs, no /etc is taken for the live one") func unknownBooted() throws {
        try host.deploy("3")
        try host.forgetBooted()
        #expect(throws: DeploymentError.self) { try host.finalize() }
        #expect(host.versions == ["2", "1", "[3]"])
        #expect(try FailureRecord.load(host.paths)?.reason.contains("which deployment runs") == true)
    }

    @Test(
        "an /etc that is lost is told, and never replaced by the image's",
        arguments: ["", "usr/etc", "etc"])
    func lostSource(_ part: String) throws {
        try host.deploy("3")
        let folder = try host.booted()
        try Files.whileChangeable(folder) {
            let lost = part.isEmpty ? folder : folder.appending(part)
            try Files.removeTree(lost)
        }
        #expect(throws: DeploymentError.self) { try host.finalize() }
        let failure = try #require(try FailureRecord.load(host.paths))
        #expect(failure.command == SysrootChange.finalizeCommand && failure.advice?.contains("rollback") == true)
        // A deployment without a folder is nothing to boot.
        let next = part.isEmpty ? "1" : "2"
        #expect(host.report.staged?.version == "3" && host.report.defaultDeployment?.version == next)
        #expect(try PendingChange.load(host.paths) == nil)
    }

    @Test("a new image without /usr/etc does not take the local changes away") func imageWithoutEtc() throws {
        var image = PartitionFixture.image("3")
        image.missing = ["usr/etc/hostname", "usr/etc/setting"]
        image.files["usr/etc/release"] = nil
        #expect(throws: DeploymentError.self) { try host.deploy(image) }
        #expect(host.versions == ["2", "1"])
        try host.expectHealthy()
    }

    @Test("whose /etc is to be merged, and what is staged, outlive cleanups, other boots and failed upgrades")
    func protected() throws {
        // 2 is what 3 was staged in, and neither what runs nor the last good one.
        try host.deploy("3")
        let source = try #require(try StagedDeployment.load(host.paths)?.merging)
        try host.boot(version: "1")
        try host.fixture.write(
            "ostree/hostctl/boots.json", "{\"format\":1,\"good\":\"\(try #require(host.report.booted).name)\"}")
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: host.host)
        #expect(host.report.deployments.contains { $0.name == source })
        #expect(host.report.staged?.version == "3")
        var broken = PartitionFixture.image("4")
        broken.missing = ["usr/lib/modules/6.1.0/initramfs.img"]
        #expect(throws: DeploymentError.self) { try host.deploy(broken, prunes: true) }
        #expect(host.report.staged?.version == "3" && host.report.listed.contains { $0.name == source })
        try host.expectHealthy()
    }
}
