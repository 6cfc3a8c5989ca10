import BootLoaders
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// kill -9 while a boot is judged: what boots next is whole, and the same command completes.
@Suite(.enabled(if: geteuid() == 0)) struct AssessmentKillTests {
    /// A host that runs release 2, on trial, with release 1 to fall back to; or one that has fallen back to 1.
    private let host: BootedPartition
    private let saved: TemporaryFolder
    private let hasFallenBack: Bool

    private static let goodPoints = ["good.before-entry", "good.after-entry", "good.after-record"]
    private static let badPoints = ["bad.before-entry", "bad.after-entry", "bad.before-record", "bad.after-record"]
    private static let failPoints = ["fail.before-record", "fail.after-record"]
    /// Reached when an entry loses its counter, or its tries.
    private static let counterPoints = [
        "boot.before-counter", "boot.before-rename", "boot.after-rename", "boot.after-rename-file-flush",
        "boot.after-rename-flush", "boot.after-counter",
    ]

    private init(tries: Int) throws {
        host = try BootedPartition()
        expect(try host.hostctl("upgrade", "--version", "2"), 0)
        expect(try host.shutDown(), 0)
        try host.setTries(of: 2, left: tries, done: 3 - tries)
        hasFallenBack = tries == 0
        try host.boot(isGood: false)
        saved = try TemporaryFolder()
        try copy(host.paths.bootPartition, to: saved.path.appending("partition"))
        try copy(host.paths.state, to: saved.path.appending("state"))
    }

    init() throws { try self.init(tries: 3) }

    private func copy(_ folder: FilePath, to target: FilePath) throws {
        try Files.makeFolder(target)
        for name in try Files.names(in: target) { try Files.removeTree(target.appending(name)) }
        try PreparedHosts.copy(folder, to: target)
    }

    private func restore() throws {
        try copy(saved.path.appending("partition"), to: host.paths.bootPartition)
        try copy(saved.path.appending("state"), to: host.paths.state)
    }

    /// Kills the command at each of the points, and runs it again; `check` looks at what has come of it.
    private func kill(_ command: [String], at points: [String], _ check: () throws -> Void) throws {
        for point in points {
            try restore()
            let killed = try host.hostctl(command, environment: ["HOSTCTL_FAULT_POINT": point])
            #expect(killed.end == .signaled(9), "\(command) at \(point): \(killed.text)\(killed.errorText)")
            try expectWhole(["1", "2"], "\(command) killed at \(point)")
            let again = try host.hostctl(command)
            #expect(again.status == 0, "\(command) after \(point): \(again.text)\(again.errorText)")
            try expectWhole(["1", "2"], "\(command) after \(point)")
            try check()
        }
    }

    /// Every entry leads to a deployment and its kernel, `status` finds nothing amiss, and the store is whole.
    private func expectWhole(_ defaults: [String], _ what: Comment) throws {
        let listing = try host.loader.listing()
        #expect(listing.damaged.isEmpty, what)
        #expect(listing.entries.count == 2, what)
        for entry in listing.entries {
            #expect(host.loader.partition.hasKernel(entry.kernelFolder), what)
            let name = try #require(DeploymentName(text: entry.deployment))
            #expect(Files.isFolder(host.paths.bootLink(of: name).appending("usr")), what)
        }
        let status = try host.hostctl("status", "--json")
        #expect(status.status == 0, what)
        let deployments = try status.json.objects("deployments")
        let next = try deployments.first { try $0.bool("default") }?.string("version") ?? "none"
        #expect(defaults.contains(next), what)
        #expect(try status.json.objects("problems").isEmpty, what)
        try host.host.sysroot.fsck()
    }

    private func records() throws -> BootRecords { try BootRecords.load(host.paths) }

    private func told(_ action: HistoryEntry.Action) throws -> Int {
        try History(host.paths).entries().filter { $0.action == action }.count
    }

    @Test("marking good, killed anywhere") func good() throws {
        let before = try told(.good)
        try kill(["boot", "mark-good"], at: Self.goodPoints + Self.counterPoints) { () throws in
            #expect(try host.entries == ["host-000002", "host-000001"])
            #expect(try records().good == DeploymentName(text: host.loader.listing().entries[0].deployment))
            #expect(try told(.good) == before + 1)
        }
    }

    @Test("marking bad, killed anywhere") func bad() throws {
        try kill(["boot", "mark-bad", "--reason", "it is"], at: Self.badPoints + Self.counterPoints) { () throws in
            let entries = try host.entries
            #expect(entries.first == "host-000001" && entries.last?.hasPrefix("host-000002+0") == true, "\(entries)")
            #expect(try records().bad.map(\.reason) == ["it is"])
            #expect(try told(.bad) == 1)
            expect(try host.hostctl("upgrade", "--version", "2"), 1, "it is")
        }
    }

    @Test("noticing what did not come up, killed anywhere") func record() throws {
        let test = try AssessmentKillTests(tries: 0)
        try test.kill(["boot", "record"], at: ["bad.before-record", "bad.after-record"]) { () throws in
            #expect(try test.host.entries == ["host-000001", "host-000002+0-3"])
            #expect(try test.records().bad.count == 1)
            #expect(try test.told(.bad) == 1)
        }
    }

    @Test("what follows from a failed boot, killed anywhere") func failed() throws {
        try kill(["boot", "failed", "--dry-run"], at: Self.failPoints) { () throws in
            #expect(try host.entries == ["host-000002+2-1", "host-000001"])
            #expect(try records().failing?.reason == "the boot did not come to its end")
            #expect(try records().bad.isEmpty)
        }
    }

    @Test("giving a release up, killed anywhere") func givenUp() throws {
        // The last of its tries runs.
        try host.setTries(of: 2, left: 0, done: 3)
        try copy(host.paths.bootPartition, to: saved.path.appending("partition"))
        let points = Self.failPoints + ["bad.before-record", "bad.after-record", "fail.after-entry"]
        try kill(["boot", "failed", "--dry-run"], at: points) { () throws in
            #expect(try host.entries == ["host-000001", "host-000002+0-3"])
            #expect(try records().failing == nil)
            #expect(try records().bad.map(\.reason) == ["the boot did not come to its end"])
            #expect(try told(.bad) == 1)
        }
    }

    @Test("killed before its entry has lost its tries, a release gets no other round of them, though nobody counts")
    func oneRound() throws {
        let name = try #require(DeploymentName(text: host.loader.listing().entries[0].deployment))
        var present = try records()
        present.failing = .init(deployment: name, time: 1, reason: "it did", count: 2, boot: "the one before")
        try present.save(host.paths)
        let command = ["boot", "failed", "--dry-run"]
        let killed = try host.hostctl(command, environment: ["HOSTCTL_FAULT_POINT": "bad.after-record"])
        #expect(killed.end == .signaled(9), "\(killed.text)\(killed.errorText)")
        #expect(try host.entries == ["host-000002+2-1", "host-000001"])
        // The next boot's.
        present = try records()
        present.failing?.boot = "the one before"
        try present.save(host.paths)
        expect(try host.hostctl(command), 0)
        let entries = try host.entries
        #expect(entries.first == "host-000001" && entries.last?.hasPrefix("host-000002+0") == true, "\(entries)")
        #expect(try records().failing == nil)
    }
}
