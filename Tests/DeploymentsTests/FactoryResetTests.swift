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

    @Test(
        "discarded, a staged reset is told and leaves nothing behind a cleanup",
        arguments: ["reset.after-state", "finalize.before-switch"])
    func discarded(_ point: String) throws {
        _ = try reset(keeping: "kept")
        try kill(at: point, "finalize")
        do {
            let change = try host.change("hostctl rollback")
            _ = try change.rollback()
            #expect(host.warnings.with { $0 }.map { $0.contains("was given up") } == [true])
        }
        #expect(try timesTold() == 1)
        // It was meant to go: nothing has failed.
        #expect(try FailureRecord.load(host.paths) == nil)
        try cleanUp()
        #expect(try folders == ["var"])
        #expect(try read("data", old) == "old")
        #expect(try Files.namesIfPresent(in: host.paths.state.appending("var/host")) == [])
        #expect(!Files.exists(host.paths.state.appending("reset.json")))
    }

    @Test("an upgrade that is staged in the place of a reset tells so") func replaced() throws {
        _ = try reset()
        try host.deploy("3")
        #expect(try timesTold() == 1)
        #expect(try ResetRecord.load(host.paths).pending == nil)
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

    private var usualFolder: FilePath { host.paths.deploy.appending("host/var") }

    private func usual(_ file: String, in folder: String = "var") throws -> String? {
        let path = host.paths.deploy.appending("host").appending(folder).appending(file)
        return try Files.readIfPresent(path, limit: 99).map { String(decoding: $0, as: UTF8.self) }
    }

    /// How often the history tells that a reset was given up.
    private func timesTold() throws -> Int64 {
        try History(host.paths).entries().filter { $0.reason?.contains("was given up") == true }
            .reduce(0) { $0 + $1.count }
    }

    /// An initramfs that follows no links mounts the usual folder for whatever boots.
    private func boot(_ name: DeploymentName, followingLinks: Bool = false) throws {
        try host.boot(name)
        try host.mountState(followingLinks ? host.state(of: name) : usualFolder)
    }

    /// A reset is cut after its switch: the folders have not changed places.
    private func cutReset() throws -> DeploymentName {
        let new = try reset(keeping: "kept").deployment.name
        try write("kept", "at the shutdown", old)
        try kill(at: "finalize.after-switch", "finalize")
        return new
    }

    private static let undoing = [
        "reset.before-undoing", "reset.after-undoing", "reset.after-links", "reset.after-telling",
        "reset.after-giving-up",
    ]
    private static let undoingOrNot: [String?] = (undoing as [String?]) + [nil]

    @Test("a reset that links are not followed to is not given up without a word") func told() throws {
        let new = try cutReset()
        try boot(new)
        let isHeld = host.report.problems.contains {
            $0.kind == .interruptedChange && $0.text.contains("has not reached /var")
        }
        #expect(isHeld)
        _ = try host.change("hostctl pin")
        let sentence = try #require(host.warnings.with { $0 }.first)
        #expect(sentence.contains("was given up; /var is the one from before it"))
        #expect(!host.problems.contains(.interruptedChange))
        #expect(try FailureRecord.load(host.paths)?.reason == sentence)
        #expect(try timesTold() == 1)
        for name in [old, new] { #expect(host.state(of: name) == usualFolder) }
        #expect(try usual("data") == "old")
        #expect(try folders == ["var", "var.after-reset"])
        try cleanUp()
        #expect(try folders == ["var"])
        #expect(try timesTold() == 1)
    }

    @Test("a reset whose new /var has vanished is not forgotten without a word") func vanished() throws {
        let new = try cutReset()
        try Files.removeTree(host.paths.deploy.appending("host/var.hostctl-new"))
        try boot(new, followingLinks: true)
        _ = try host.change()
        #expect(host.warnings.with { $0 }.count == 1)
        #expect(try timesTold() == 1)
        #expect(try ResetRecord.load(host.paths) == ResetRecord())
        #expect(try usual("data") == "old")
        #expect(host.state(of: old) == usualFolder)
    }

    @Test(
        "cut anywhere while a rollback gives a reset up, the word of it is not lost, nor the old /var at the second boot",
        arguments: undoing)
    func rollbackKilled(at point: String) throws {
        let new = try cutReset()
        try boot(new)
        try kill(at: point, "rollback")
        #expect(try usual("data") == "old" && read("data", old) == "old")
        _ = try host.change("hostctl rollback").rollback()
        let told = try timesTold()
        #expect(told == 1 || told == 2)
        #expect(host.report.defaultDeployment?.name == old)
        for _ in 1...2 {
            try boot(old)
            _ = try host.change()
            #expect(try usual("data") == "old" && read("data", old) == "old")
        }
        try cleanUp()
        #expect(try folders == ["var"])
    }

    @Test("after a rollback from a reset that did not reach /var, forth and back again, the old /var is the only one")
    func rollbackAndBack() throws {
        let new = try cutReset()
        try boot(new)
        try Files.replace(usualFolder.appending("since"), with: Array("then".utf8))
        _ = try host.change("hostctl rollback").rollback()
        for name in [old, old, new, new, old] {
            try boot(name)
            if host.report.defaultDeployment?.name != name { _ = try host.change("hostctl rollback").rollback() }
            _ = try host.change()
            #expect(host.report.defaultDeployment?.name == name)
            #expect(try usual("data") == "old" && usual("since") == "then")
            #expect(host.state(of: name) == usualFolder)
        }
        try cleanUp()
        #expect(try folders == ["var"])
        let second = try reset(keeping: "kept").deployment.name
        try host.finalize()
        #expect(try folders == ["var", "var.before-reset"])
        try boot(second)
        _ = try host.change()
        #expect(try usual("data") == nil && usual("kept") == "at the shutdown")
        #expect(try read("data", old) == "old" && read("since", old) == "then")
        #expect(try timesTold() == 1)
    }

    @Test(
        "where the loader goes back from a reset that did not reach /var, the old /var is not lost at the second boot",
        arguments: undoingOrNot)
    func fallback(killed point: String?) throws {
        let new = try cutReset()
        try boot(new)
        if let point { try kill(at: point, "cleanup") }
        for _ in 1...2 {
            try boot(old)
            _ = try host.change()
            try cleanUp()
            #expect(try usual("data") == "old" && read("data", old) == "old")
        }
    }

    @Test("what is deployed before a reset has begun keeps the old /var when it begins") func upgradedBefore() throws {
        let new = try cutReset()
        try boot(old, followingLinks: true)
        let next = try host.deploy("3").name
        try host.finalize()
        for _ in 1...2 {
            try boot(next, followingLinks: true)
            _ = try host.change()
            #expect(try read("data", next) == "old")
        }
        try boot(new, followingLinks: true)
        try write("made", "by the reset", new)
        _ = try host.change()
        #expect(try folders == ["var", "var.before-reset"])
        #expect(try usual("data") == nil && usual("made") == "by the reset")
        #expect(try read("data", next) == "old" && read("data", old) == "old")
        #expect(try timesTold() == 0)
    }

    @Test("what a reset has made before anybody went back is put aside, not removed") func putAside() throws {
        let new = try cutReset()
        try boot(new, followingLinks: true)
        try write("made", "by the reset", new)
        try boot(old, followingLinks: true)
        _ = try reset()
        #expect(try usual("made", in: "var.after-reset") == "by the reset")
        #expect(try read("data", old) == "old")
        // It can be gone to, and has what was made there; a cleanup leaves it that.
        #expect(try read("made", new) == "by the reset")
        try cleanUp()
        #expect(try read("made", new) == "by the reset")
    }

    @Test("cut off after its switch, a reset is completed by the first boot, not by whatever is asked for weeks later")
    func completedByBoot() throws {
        let new = try cutReset()
        try boot(new, followingLinks: true)
        try host.finalize(resuming: true)
        #expect(try folders == ["var", "var.before-reset"])
        #expect(try ResetRecord.load(host.paths).pending == nil)
        #expect(try read("data", old) == "old" && read("data", new) == nil)
    }

    @Test("asked for again where the first one has not reached /var, a reset does not stay staged")
    func resetAgain() throws {
        let first = try cutReset()
        try boot(first)
        try Files.replace(usualFolder.appending("kept"), with: Array("since".utf8))
        let second = try reset(keeping: "kept").deployment.name
        #expect(second != first && host.report.staged?.name == second)
        _ = try host.change()
        try host.finalize()
        #expect(host.report.defaultDeployment?.name == second && host.report.staged == nil)
        #expect(try folders == ["var", "var.after-reset", "var.before-reset"])
        // What an initramfs without links mounts is the new one, with what was there to be kept.
        #expect(try usual("data") == nil && usual("kept") == "since")
        #expect(try usual("data", in: "var.before-reset") == "old")
        try boot(second)
        _ = try host.change()
        #expect(try read("data", second) == nil && read("data", old) == "old")
        #expect(try ResetRecord.load(host.paths).pending == nil)
    }

    @Test("given up, the second reset leaves what runs its /var") func secondDiscarded() throws {
        try boot(try cutReset())
        _ = try reset()
        _ = try host.change("hostctl rollback").rollback()
        try cleanUp()
        #expect(try folders == ["var"])
        #expect(try usual("data") == "old")
    }

    @Test(
        "a second reset from an older deployment does not fail at the shutdown, when nobody looks",
        arguments: [
            nil, "reset.before-undoing", "reset.after-undoing", "reset.after-links", "reset.after-telling",
            "reset.after-giving-up", "reset.before-state", "stage.after-record",
        ])
    func secondFromOlder(killed point: String?) throws {
        let first = try cutReset()
        try boot(old)
        if let point { try kill(at: point, "reset") }
        let second = try reset().deployment.name
        #expect(second != first && host.report.staged?.name == second)
        #expect(try timesTold() > 0)
        try host.finalize()
        #expect(host.report.defaultDeployment?.name == second && host.report.staged == nil)
        #expect(try usual("data") == nil && read("data", old) == "old")
        try boot(second)
        _ = try host.change()
        #expect(try ResetRecord.load(host.paths).pending == nil)
        #expect(try usual("data") == nil && read("data", old) == "old")
    }

    @Test("a second reset does not take the record of the one that is staged away") func stagedTwice() throws {
        let first = try reset(keeping: "kept").deployment.name
        #expect(try reset(keeping: "kept").deployment.name == first)
        #expect(throws: DeploymentError.resetIsStaged(name: first.description)) { _ = try reset() }
        try write("kept", "at the shutdown", old)
        try host.finalize()
        #expect(host.report.defaultDeployment?.name == first)
        try expectOwn(first)
    }

    @Test("a reset is refused at the command, not at the shutdown, where the record of the one that runs is lost")
    func lostRecordOfRunning() throws {
        let new = try cutReset()
        try boot(new, followingLinks: true)
        try Files.remove(host.paths.state.appending("reset.json"))
        #expect(throws: DeploymentError.resetIsLost(name: new.description)) { _ = try reset() }
        #expect(host.report.staged == nil)
        #expect(try folders == ["var", "var.hostctl-new"])
    }

    @Test(
        "the record of a reset that is lost or damaged before its end is told, and made anew by a repair: the reset ends",
        arguments: [nil, "", "{}", "\0\0\0"] as [String?], [true, false])
    func recordMadeAnew(_ damage: String?, runs: Bool) throws {
        let new = try cutReset()
        if runs { try boot(new, followingLinks: true) }
        let path = host.paths.state.appending("reset.json")
        if let damage { try Files.replace(path, with: Array(damage.utf8)) } else { try Files.remove(path) }
        let reader = SysrootReader(root: host.root, host: host.host)
        #expect(reader.stateProblems().map(\.path) == [path.string])
        try repair()
        #expect(reader.stateProblems() == [])
        if !runs { try boot(new, followingLinks: true) }
        _ = try host.change()
        #expect(try ResetRecord.load(host.paths).pending == nil)
        #expect(try folders == ["var", "var.before-reset"])
        try expectOwn(new)
        try cleanUp()
        try expectOwn(new)
    }

    @Test("a repair of a record that is lost between the two renames finds the old /var by its name")
    func recordLostBetween() throws {
        // The name is taken.
        try Files.makeFolder(host.paths.deploy.appending("host/var.before-reset"))
        let new = try reset(keeping: "kept").deployment.name
        try write("kept", "at the shutdown", old)
        try kill(at: "reset.before-rename", "finalize")
        #expect(try folders == ["var.before-reset", "var.before-reset-2", "var.hostctl-new"])
        try boot(new, followingLinks: true)
        try Files.remove(host.paths.state.appending("reset.json"))
        try repair()
        #expect(try ResetRecord.load(host.paths).pending?.former == "var.before-reset-2")
        _ = try host.change()
        #expect(try folders == ["var", "var.before-reset", "var.before-reset-2"])
        try expectOwn(new)
    }

    @Test("what was upgraded without the record of a reset keeps its /var when that is made anew, and a cleanup comes")
    func upgradedWithoutRecord() throws {
        let new = try cutReset()
        // The old release is chosen in the menu.
        let next = try upgradeWithoutRecord(of: old)
        try kill(at: "repair.before-reset", "repair")
        #expect(try read("made", next) == "by 3")
        try repair()
        _ = try host.change()
        #expect(try read("made", next) == "by 3" && read("data", next) == "old")
        try boot(new, followingLinks: true)
        _ = try host.change()
        #expect(try read("made", next) == "by 3" && read("data", next) == "old")
        #expect(try read("data", new) == nil && read("kept", new) == "at the shutdown")
        try boot(next, followingLinks: true)
        try cleanUp()
        #expect(try read("made", next) == "by 3")
    }

    @Test("a /var that somebody has made between the two renames is put aside for good, also by a record made anew")
    func madeBetweenWithoutRecord() throws {
        let new = try reset(keeping: "kept").deployment.name
        try write("kept", "at the shutdown", old)
        try kill(at: "reset.before-rename", "finalize")
        try Files.makeFolder(usualFolder)
        try Files.replace(usualFolder.appending("foreign"), with: [])
        try boot(new, followingLinks: true)
        try Files.remove(host.paths.state.appending("reset.json"))
        try repair()
        _ = try host.change()
        try expectOwn(new)
        try cleanUp()
        #expect(Files.exists(host.paths.deploy.appending("host/var.set-aside/foreign")))
    }

    @Test(
        "what was upgraded from a reset that is given up keeps the /var it has", arguments: [nil] + undoing as [String?]
    )
    func upgradedAndGivenUp(_ point: String?) throws {
        let new = try cutReset()
        let next = try upgradeWithoutRecord(of: new)
        try boot(old, followingLinks: true)
        try repair()
        if let point { try kill(at: point, "reset") }
        _ = try reset()
        for name in [new, next] where Files.isFolder(host.paths.folder(of: name)) {
            #expect(try read("made", name) == "by 3")
        }
        #expect(try read("data", old) == "old")
        try cleanUp()
        #expect(try read("data", old) == "old")
    }

    @Test("an operator's folder with a name like a reset's is nobody's former /var")
    func operatorsFolder() throws {
        let links = host.paths.state.appending("var/host")
        try Files.makeFolder(links)
        for name in ["var.before-reset.saved", "var.after-reset-mine", "var.before-reset-0"] {
            let folder = host.paths.deploy.appending("host").appending(name)
            try Files.makeFolder(folder)
            let link = links.appending(old.folderName)
            try Files.remove(link)
            try Files.makeLink(link, target: "../../../deploy/host/\(name)")
            #expect(host.state(of: old) == link)
            #expect(SysrootReader(root: host.root, host: host.host).stateProblems() == [])
        }
    }

    @Test("a host that was upgraded from a reset whose record is lost can be repaired, and reset again")
    func inheritedWithoutRecord() throws {
        let new = try cutReset()
        let next = try upgradeWithoutRecord(of: new)
        #expect(throws: DeploymentError.self) { _ = try reset() }
        try repair()
        _ = try host.change()
        for name in [new, next] { #expect(try read("made", name) == "by 3") }
        #expect(try read("data", old) == "old")
        let second = try reset().deployment.name
        try host.finalize()
        try boot(second, followingLinks: true)
        _ = try host.change()
        #expect(try read("made", second) == nil && read("made", next) == "by 3")
    }

    /// Starts a deployment, loses the reset's record, and goes from there to 3, which makes a file in its /var.
    private func upgradeWithoutRecord(of name: DeploymentName) throws -> DeploymentName {
        try boot(name, followingLinks: true)
        try Files.remove(host.paths.state.appending("reset.json"))
        let next = try host.deploy("3").name
        try host.finalize()
        try boot(next, followingLinks: true)
        try write("made", "by 3", next)
        return next
    }

    private func repair() throws {
        try SysrootRepair.run(root: host.root, command: "hostctl verify --repair", host: host.host) { repair in
            let repaired = repair.run { subject, error in Issue.record("\(subject): \(error)") }
            #expect(repaired.contains { $0.contains("factory reset") })
        }
    }

    @Test("a record that is lost while the reset is only staged is not made up: nobody knows what was to be kept")
    func recordOfStagedLost() throws {
        _ = try reset(keeping: "kept")
        try kill(at: "finalize.before-switch", "finalize")
        try Files.remove(host.paths.state.appending("reset.json"))
        try SysrootRepair.run(root: host.root, command: "hostctl verify --repair", host: host.host) { repair in
            #expect(repair.run { _, _ in }.allSatisfy { !$0.contains("factory reset") })
        }
        #expect(try ResetRecord.load(host.paths).pending == nil)
        #expect(throws: DeploymentError.self) { try host.finalize() }
        #expect(try read("data", old) == "old")
    }

    @Test(
        "a check of the boot partition empties the entry of a reset's first boot: nothing is reset under what runs",
        arguments: ["resumed", "at the shutdown", "without a record"])
    func entryOfRunningLost(_ turn: String) throws {
        let new = try cutReset()
        try boot(new, followingLinks: true)
        let entry = try #require(try host.loader.listing().entries(of: new.description).first).name.text
        try Files.replace(host.paths.bootPartition.appending("loader/entries/\(entry).conf"), with: [])
        switch turn {
        case "resumed":
            try host.finalize(resuming: true)
            #expect(host.report.staged == nil)
            #expect(try !host.loader.listing().entries(of: new.description).isEmpty)
        case "without a record": try PendingChange.clear(host.paths)
        default: break
        }
        try write("data", "of what runs", new)
        try host.edit("release", "edited")
        try host.finalize()
        #expect(host.report.staged == nil)
        #expect(try ResetRecord.load(host.paths).pending == nil)
        #expect(try read("data", new) == "of what runs" && read("data", old) == "old")
        #expect(try host.etc("release", of: host.paths.folder(of: new)) == "edited")
        try boot(new, followingLinks: true)
        _ = try host.change()
        #expect(try read("data", new) == "of what runs" && read("data", old) == "old")
        try cleanUp()
        #expect(try read("data", new) == "of what runs")
    }

    @Test(
        "an upgrade of a host whose reset has not reached /var goes on with the /var that is mounted",
        arguments: undoingOrNot)
    func upgradeWithoutLinks(killed point: String?) throws {
        try boot(try cutReset())
        if let point { try kill(at: point, "cleanup") }
        let next = try host.deploy("3").name
        try host.finalize()
        for _ in 1...2 {
            #expect(try read("data", next) == "old")
            try host.boot()
            try host.mountState(host.state(of: next))
            _ = try host.change()
            try cleanUp()
        }
        #expect(try folders == ["var"])
        #expect(try usual("data") == "old")
    }

    @Test("a folder that is made where /var was between the two renames neither ends the reset nor is lost")
    func madeBetween() throws {
        let new = try reset(keeping: "kept").deployment.name
        try write("kept", "at the shutdown", old)
        try kill(at: "reset.before-rename", "finalize")
        try Files.makeFolder(usualFolder)
        try Files.replace(usualFolder.appending("foreign"), with: Array("x".utf8))
        for _ in 1...2 { _ = try host.change() }
        try expectOwn(new)
        #expect(try ResetRecord.load(host.paths).pending == nil)
        #expect(try usual("data") == nil && usual("foreign", in: "var.set-aside") == "x")
        try cleanUp()
        #expect(try usual("foreign", in: "var.set-aside") == "x")
    }

    @Test(
        "a link for /var that leads elsewhere counts for nothing",
        arguments: ["", ".", "..", "deploy", "../other/var", "var.x/../deploy", "/etc", "var.\n", "variable"])
    func oddLink(_ folder: String) throws {
        // Where each would lead is there.
        for name in ["other", "host/var.x", "host/var.\n", "host/variable"] {
            try Files.makeFolder(host.paths.deploy.appending(name))
        }
        try Files.makeFolder(host.paths.deploy.appending("other/var"))
        let link = host.paths.state.appending("var/host").appending(old.folderName)
        try Files.makeFolder(link.removingLastComponent())
        let target = folder == "/etc" ? folder : "../../../deploy/host/\(folder)"
        try Files.makeLink(link, target: target)
        let next = try host.deploy("3").name
        try host.finalize()
        let inherited = host.paths.state.appending("var/host").appending(next.folderName)
        #expect(Files.linkTarget(inherited) == nil)
    }
}
