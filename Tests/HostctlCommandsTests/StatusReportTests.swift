import Checksums
import Signatures
import Sysroots
import Testing
import TrustMetadata

@testable import HostctlCommands

@Suite struct StatusReportTests {
    private func record(_ index: Int, _ version: String) -> DeploymentRecord {
        let name = DeploymentName(stateroot: "host", checksum: SHA256.hash(Array(version.utf8)), serial: 0)
        var record = DeploymentRecord(index: index, name: name)
        record.isListed = true
        record.isDefault = index == 0
        record.version = version
        record.channel = "lean-host/stable"
        record.refspec = "lean-host/stable/x86_64"
        record.timestamp = 1_700_000_000
        record.deployedAt = 1_700_086_400
        record.command = "hostctl upgrade"
        record.verdict = .trusted(keyIDs: ["0123456789abcdef"])
        return record
    }

    private var healthy: SysrootReport {
        var report = SysrootReport(root: "/srv/host")
        report.state = SysrootState(
            origin: "https://origin.example/", channel: "lean-host/stable", architecture: "x86_64")
        report.deployments = [record(0, "13.2"), record(1, "13.1")]
        return report
    }

    @Test("a healthy sysroot, word for word")
    func healthyText() {
        var report = healthy
        report.deployments[1].isPinned = true
        let commits = report.deployments.map { "\($0.checksum.hex).0" }
        #expect(
            StatusReport(report).text == """
                Sysroot   /srv/host
                Follows   lean-host/stable (x86_64)
                Origin    https://origin.example/

                  0  lean-host/stable 13.2  (default)
                     Commit    \(commits[0])
                     Signature good, by trusted key 0123456789abcdef
                     Ref       lean-host/stable/x86_64
                     Released  2023-11-14 22:13 UTC
                     Deployed  2023-11-15 22:13 UTC by 'hostctl upgrade'

                  1  lean-host/stable 13.1  (rollback, pinned)
                     Commit    \(commits[1])
                     Signature good, by trusted key 0123456789abcdef
                     Ref       lean-host/stable/x86_64
                     Released  2023-11-14 22:13 UTC
                     Deployed  2023-11-15 22:13 UTC by 'hostctl upgrade'
                """)
    }

    @Test("on a running host the booted deployment is marked, and what boots next is named")
    func running() {
        var report = healthy
        report.isRunning = true
        report.deployments[1].isBooted = true
        let text = StatusReport(report).text
        #expect(text.contains("  0  lean-host/stable 13.2  (next boot)"))
        #expect(text.contains("* 1  lean-host/stable 13.1  (booted, rollback)"))
    }

    @Test(
        "a signature's verdict in words",
        arguments: [
            (Verdict.unsigned, "none"), (.unknownKey, "UNKNOWN, by no key that is trusted here"),
            (.revoked(keyIDs: ["ab"]), "BAD, by revoked key ab"), (.invalid, "BAD, malformed"),
            (.trusted(keyIDs: ["ab", "cd"]), "good, by trusted key ab, cd"),
        ])
    func verdicts(_ verdict: Verdict, _ words: String) {
        var report = healthy
        report.deployments[0].verdict = verdict
        #expect(StatusReport(report).text.contains("     Signature \(words)\n"))
    }

    @Test("a failure, damage and deployments that cannot boot are told")
    func damage() {
        var report = healthy
        report.lastFailure = FailureRecord(time: 0, command: "hostctl upgrade", reason: "no luck", advice: "try again")
        report.problems = [SysrootProblem(.missingBootEntries, path: "/boot/loader", "there are no boot entries")]
        report.deployments[1].isListed = false
        report.deployments[1].problems = [SysrootProblem(.unlistedFolder, path: "/x", "no boot entry leads here")]
        let text = StatusReport(report).text
        #expect(text.contains("  -  lean-host/stable 13.1  (not bootable)"))
        #expect(text.contains("     Problem   no boot entry leads here"))
        #expect(
            text.hasSuffix(
                """
                The last change failed: 'hostctl upgrade', 1970-01-01 00:00 UTC
                     Reason    no luck
                     Help      try again

                Problems:
                     there are no boot entries
                """))
    }

    @Test("an empty sysroot, and a report from the status file")
    func others() {
        var report = SysrootReport(root: "/srv/host")
        #expect(StatusReport(report).text == "Sysroot   /srv/host\nThere are no deployments.")
        report.writtenAt = 0
        #expect(StatusReport(report).text.contains("As of     1970-01-01 00:00 UTC; run as root"))
    }

    @Test("the JSON has the format number, and leaves out what is not known")
    func json() throws {
        var report = healthy
        report.deployments[0].version = nil
        let json = StatusReport(report).json
        #expect(json["format"] == 1)
        #expect(json["channel"] == "lean-host/stable")
        let first = try #require(json["deployments"]?.array?.first)
        #expect(first["version"] == nil)
        #expect(first["signature"]?["verdict"] == "trusted")
        #expect(json["last-failure"] == nil)
    }

    @Test("where counters cannot be read, status says so, and not that there are none") func unknownTries() throws {
        var report = healthy
        #expect(!StatusReport(report).text.contains("tries"))
        report.deployments[0].areTriesUnknown = true
        #expect(StatusReport(report).text.contains("tries unknown"))
        let answer = try JSONFields(StatusReport(report).json, what: "the status")
        let members = try answer.objects("deployments").map { $0.has("tries-unknown") }
        #expect(members == [true, false])
    }
}
