import AutomaticUpdates
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl auto-update` under each policy, with a pause, after a rollback, and when it fails.
@Suite struct AutoUpdateTests {
    private func host(_ settings: String...) throws -> HostFixture {
        let host = try HostFixture.prepared()
        try host.configure(settings)
        return host
    }

    private func result(_ host: HostFixture, _ arguments: String...) throws -> String {
        let answer = try host.succeed(
            ["auto-update", "run"] + arguments + ["--json", "--sysroot", host.root.string])
        return try answer.json.string("result")
    }

    @Test("off touches neither the network nor the sysroot") func off() throws {
        let host = try host("[Upgrade]", "Policy=off")
        try host.follow("http://127.0.0.1:1")
        let before = try host.sysroot.snapshot()
        #expect(try result(host) == "off")
        #expect(try host.sysroot.snapshot() == before)
    }

    @Test("check reports what there is, in status, too, and deploys nothing") func check() throws {
        let host = try host()
        let answer = try host.change("auto-update", "run")
        #expect(answer.text == "policy check: 3 is available\n")
        try host.expectAgreement(["2", "1"])
        let status = try host.status()
        #expect(try status.string("policy") == "check")
        #expect(try status.fields("last-automatic-run").string("result") == "available")
        #expect(try host.change("status").text.contains("UTC: 3 is available\n"))
        // What everyone may read has it, too.
        let file = try JSONFields(strict: Array(host.sysroot.read("ostree/hostctl/status").utf8), what: "the status")
        #expect(try file.fields("last-automatic-run").string("version") == "3")
    }

    @Test("download fetches and deploys nothing; later it is deployed without the network") func download() throws {
        let host = try host("[Upgrade]", "Policy=download")
        #expect(try result(host) == "downloaded")
        try host.expectAgreement(["2", "1"])
        #expect(try host.changeJSON("upgrade", "--from-downloaded").string("version") == "3")
    }

    @Test("stage deploys, the next run has nothing to do, and says so") func stage() throws {
        let host = try host("[Upgrade]", "Policy=stage")
        #expect(try result(host) == "deployed")
        try host.expectAgreement(["3", "2"])
        expect(try host.onSysroot("auto-update", "run"), 0)
        #expect(try host.change("auto-update", "run").text == "policy stage: nothing newer than 3\n")
        try host.expectAgreement(["3", "2"])
        #expect(try host.change("auto-update", "status").text.contains("last run: 20"))
    }

    @Test("reboot deploys a host that is not the running one, and restarts nothing") func otherHost() throws {
        let host = try host("[Upgrade]", "Policy=reboot")
        #expect(try result(host) == "deployed")
        try host.expectAgreement(["3", "2"])
    }

    @Test("--policy counts instead of the settings") func policy() throws {
        let host = try host("[Upgrade]", "Policy=stage")
        #expect(try result(host, "--policy", "check") == "available")
        expect(try host.onSysroot("auto-update", "run", "--policy", "always"), 2, "off, check, download, stage, reboot")
        try host.expectAgreement(["2", "1"])
    }

    @Test("a failure has its exit code and reason in status until a run succeeds") func failure() throws {
        let host = try HostFixture()
        try host.configure(["[Upgrade]", "Policy=stage", "[Network]", "Attempts=1"])
        let server = try ScriptedServer(serving: host.origin)
        try host.follow(server.url)
        server.breakDown(after: 0)
        expect(try host.onSysroot("auto-update", "run"), 5, "cannot fetch")
        let run = try host.status().fields("last-automatic-run")
        #expect(try run.string("result") == "failed")
        #expect(try run.string("category") == "network")
        #expect(try host.status().fields("last-failure").string("command") == "hostctl auto-update run")
        let text = try host.change("status").text
        #expect(text.contains("stage; 20") && text.contains("failed with exit code 5: cannot fetch"), "\(text)")
        server.heal()
        #expect(try result(host) == "deployed")
        #expect(try !host.status().has("last-failure"))
        try host.expectAgreement(["2", "1"])
    }

    @Test("settings that cannot be meant fail the run with file and line, and status tells") func wrongSettings() throws
    {
        let host = try host("[Upgrade]", "Policy=sometimes")
        let place = try "\(host.folder())/etc/hostctl/hostctl.conf:2"
        expect(try host.onSysroot("auto-update", "run"), 1, "\(place): Policy= cannot be 'sometimes'")
        expect(try host.onSysroot("upgrade"), 1, place)
        let text = try host.change("status").text
        #expect(text.contains("Policy    UNKNOWN, \(place)"), "\(text)")
        #expect(text.contains("The last change failed: 'hostctl upgrade'"))
        try host.expectAgreement(["2", "1"])
    }

    @Test("unknown keys are told and ignored") func unknownKeys() throws {
        let host = try host("[Upgrade]", "Policy=stage", "Phase=7")
        let answer = try host.onSysroot("auto-update", "run")
        expect(answer, 0, "hostctl.conf:3: [Upgrade] has no key 'Phase' (ignored)")
        try host.expectAgreement(["3", "2"])
    }

    @Test("another hostctl is waited for; when the time is over, the exit code is 6") func locked() throws {
        let host = try host("[Upgrade]", "Policy=stage")
        let path = host.sysroot.paths.state.appending("download/lock")
        try Files.makeFolder(path.removingLastComponent(), mode: 0o700)
        let lock = try FileLock(path, .exclusive, seconds: 0, holder: "hostctl upgrade (pid 1)")
        expect(try host.onSysroot("auto-update", "run", "--wait", "0.2"), 6, "hostctl upgrade (pid 1)")
        #expect(try host.status().fields("last-automatic-run").string("category") == "locked")
        let patient = try ChildProcess(
            [BuiltProducts.hostctl, "auto-update", "run", "--json", "--sysroot", host.root.string])
        #expect(waitUntil(timeout: 20) { (try? patient.errorsSoFar().contains("waiting for")) == true })
        #expect(patient.isRunning)
        _ = consume lock
        let ended = try patient.wait()
        expect(ended, 0, "waiting for hostctl upgrade (pid 1)")
        #expect(try ended.json.string("result") == "deployed")
        try host.expectAgreement(["3", "2"])
    }

    @Test("a pause stops what is automatic, not what is asked for, and ends by itself or when it is told to")
    func hold() throws {
        let host = try host("[Upgrade]", "Policy=stage")
        #expect(try host.change("auto-update", "hold", "--for", "7d", "--reason", "year-end").text.contains("year-end"))
        #expect(try result(host) == "held")
        #expect(try host.change("status").text.contains("Held      until 20"))
        #expect(try host.changeJSON("auto-update", "status").fields("hold").string("reason") == "year-end")
        try host.expectAgreement(["2", "1"])
        #expect(try host.changeJSON("upgrade", "--check").string("result") == "available")
        #expect(try host.changeJSON("auto-update", "resume").bool("was_held"))
        #expect(try !host.changeJSON("auto-update", "resume").bool("was_held"))
        try host.change("auto-update", "hold", "--for", "1s")
        sleep(2)
        #expect(try !host.change("status").text.contains("Held"))
        #expect(try result(host) == "deployed")
        expect(try host.onSysroot("auto-update", "hold", "--for", "soon"), 2, "--for")
    }

    @Test("a release that was rolled back from is not deployed again unasked; the next one, and asking, do it")
    func rolledBack() throws {
        let host = try HostFixture()
        try host.configure(["[Upgrade]", "Policy=stage"])
        #expect(try result(host) == "deployed")
        try host.change("rollback")
        try host.expectAgreement(["1", "2"])
        #expect(try result(host) == "rolled-back")
        #expect(try host.change("status").text.contains("2 was rolled back from and is not deployed again unasked"))
        try host.expectAgreement(["1", "2"])
        try host.publish("3")
        #expect(try result(host) == "deployed")
        try host.expectAgreement(["3", "1"])
    }

    /// Starts a run that finds 3, waits for another hostctl, and goes on after `meanwhile`.
    private func waitingRun(_ host: HostFixture, _ meanwhile: () throws -> Void) throws -> JSONFields {
        let path = host.sysroot.paths.state.appending("download/lock")
        try Files.makeFolder(path.removingLastComponent(), mode: 0o700)
        let lock = try FileLock(path, .exclusive, seconds: 0, holder: "hostctl upgrade (pid 1)")
        let process = try ChildProcess(
            [BuiltProducts.hostctl, "auto-update", "run", "--json", "--sysroot", host.root.string])
        #expect(waitUntil(timeout: 20) { (try? process.errorsSoFar().contains("waiting for")) == true })
        try meanwhile()
        _ = consume lock
        let ended = try process.wait()
        expect(ended, 0, "")
        return try ended.json
    }

    @Test("a pause that begins while another hostctl is waited for keeps the release from being deployed")
    func lateHold() throws {
        let host = try host("[Upgrade]", "Policy=stage")
        let answer = try waitingRun(host) { try host.change("auto-update", "hold", "--reason", "year-end") }
        #expect(try answer.string("result") == "held")
        #expect(try answer.string("detail") == "year-end")
        try host.expectAgreement(["2", "1"])
        #expect(try !host.status().has("last-failure"))
        try host.change("auto-update", "resume")
        #expect(try result(host) == "deployed")
    }

    @Test("a release that the other hostctl, which was waited for, has rolled back from is not deployed again")
    func lateRollback() throws {
        let host = try host("[Upgrade]", "Policy=stage")
        let commit = try host.changeJSON("upgrade", "--check").string("commit")
        let answer = try waitingRun(host) {
            let history = History(host.sysroot.paths)
            for (action, name) in [(HistoryEntry.Action.deploy, "host/\(commit).0"), (.rollback, "host/other.0")] {
                try history.add(
                    HistoryEntry(time: 1, command: "hostctl", action: action, deployment: name, version: "3"))
            }
        }
        #expect(try answer.string("result") == "rolled-back")
        try host.expectAgreement(["2", "1"])
    }

    @Test("a pause that is too long for any clock does not end, nor begin in the past") func endlessHold() throws {
        let host = try host()
        let hold = try AutomaticUpdateHold(root: host.root).begin(seconds: .max, reason: nil)
        #expect(hold.until.map { $0 > 250_000_000_000 } == true)
        #expect(try result(host) == "held")
        #expect(try host.change("status").text.contains("9999-12-31"))
    }

    @Test("when a run cannot be recorded either, the error that made it fail comes out") func firstError() throws {
        let host = try host("[Upgrade]", "Policy=sometimes")
        // Neither a file to replace nor one to read.
        try Files.makeFolder(host.sysroot.paths.state.appending("auto-update.json/x"))
        expect(try host.onSysroot("auto-update", "run"), 1, "Policy= cannot be 'sometimes'")
    }

    @Test("a rollback does not stop the release that is asked for by hand") func askedFor() throws {
        let host = try host("[Upgrade]", "Policy=stage")
        #expect(try result(host) == "deployed")
        try host.change("rollback")
        try host.change("upgrade")
        #expect(try result(host) == "unchanged")
        try host.expectAgreement(["3", "2"])
    }

    @Test("a folder that is no sysroot is refused by all of them", arguments: ["run", "status", "hold", "resume"])
    func noSysroot(_ verb: String) throws {
        let folder = try TemporaryFolder()
        let result = try run([BuiltProducts.hostctl, "auto-update", verb, "--sysroot", folder.path.string])
        expect(result, 1, "not a sysroot")
        #expect(try Files.names(in: folder.path) == [])
    }
}
