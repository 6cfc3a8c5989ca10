import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

@testable import Sysroots

/// What automatic updates leave for `status`.
@Suite struct AutomaticStateTests {
    private let sysroot: TestSysroot

    init() throws { sysroot = try TestSysroot.stock() }

    private let run = AutomaticRun(
        time: 1_700_000_000, policy: "stage", result: .failed, version: "13.2",
        detail: "cannot fetch https://me:secret@host/x: no", category: .network)

    @Test("a run and a pause come back as they were, and are in the report") func roundTrip() throws {
        #expect(try AutomaticRun.load(sysroot.paths) == nil)
        try run.save(sysroot.paths)
        #expect(try AutomaticRun.load(sysroot.paths) == run)
        for result in AutomaticRun.Result.allCases {
            let other = AutomaticRun(time: 1, policy: "check", result: result)
            try other.save(sysroot.paths)
            #expect(try AutomaticRun.load(sysroot.paths) == other)
        }
        let hold = UpdateHold(since: 5, until: 10, reason: "year-end")
        try hold.save(sysroot.paths)
        let report = SysrootReader(root: sysroot.root).report()
        #expect(report.hold == hold)
        #expect(report.lastAutomaticRun?.policy == "check")
        #expect(try SysrootReport(JSONFields(report.json, what: "the report")) == report)
    }

    @Test("a restart that was asked for is not forgotten over a run's result; damage is found, and repaired")
    func restart() throws {
        #expect(try RestartRequest.load(sysroot.paths) == nil)
        let lease = "\(DeploymentName.leases)/host/\(String(repeating: "a", count: 64)).0"
        guard let name = DeploymentName(lease: lease) else { return #expect(Bool(false)) }
        let request = RestartRequest(deployment: name, boot: "b")
        try request.save(sysroot.paths)
        try run.save(sysroot.paths)
        #expect(try RestartRequest.load(sysroot.paths) == request)
        let path = sysroot.paths.state.appending("restart.json")
        try Files.replace(path, with: Array("{".utf8))
        let reader = SysrootReader(root: sysroot.root)
        #expect(reader.stateProblems().map(\.path) == [path.string])
        #expect(try reader.repairState().count == 1)
        #expect(try RestartRequest.load(sysroot.paths) == nil)
    }

    @Test("a pause ends in its last second, and one without an end does not") func until() {
        #expect(UpdateHold(since: 5, until: 10).isActive(at: 9))
        #expect(!UpdateHold(since: 5, until: 10).isActive(at: 10))
        #expect(UpdateHold(since: 5).isActive(at: .max))
    }

    @Test("what everyone may read holds no password, what root may read keeps it") func password() throws {
        try run.save(sysroot.paths)
        try StatusFile(sysroot.paths).write(SysrootReader(root: sysroot.root).report())
        let text = try sysroot.read("ostree/hostctl/status")
        #expect(text.contains("13.2") && !text.contains("secret"), "\(text)")
    }

    @Test("a result that only a later hostctl knows hides nothing else, and damage is reported") func later() throws {
        let path = sysroot.paths.state.appending("auto-update.json")
        try run.save(sysroot.paths)
        let text = try sysroot.read("ostree/hostctl/auto-update.json")
        try Files.replace(path, with: Array(text.replacing("\"failed\"", with: "\"teleported\"").utf8))
        #expect(SysrootReader(root: sysroot.root).report().problems.isEmpty)
        #expect(try AutomaticRun.load(sysroot.paths) == nil)
        try Files.replace(path, with: Array("{".utf8))
        let problems = SysrootReader(root: sysroot.root).report().problems
        #expect(problems.map(\.kind) == [.unreadableState])
        #expect(problems.first?.path == path.string)
    }
}
