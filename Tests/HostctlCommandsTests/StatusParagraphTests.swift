import Checksums
import HostctlCommands
import Signatures
import Sysroots
import Testing
import TrustMetadata

private let time: Int64 = 1_795_840_860

private func record(_ index: Int, version: String, _ change: (inout DeploymentRecord) -> Void = { _ in })
    -> DeploymentRecord
{
    let name = DeploymentName(stateroot: "host", checksum: SHA256.hash(Array(version.utf8)), serial: 0)
    var record = DeploymentRecord(index: index, name: name)
    record.version = version
    record.channel = "lean-host/stable"
    record.isListed = true
    record.isDefault = index == 0
    change(&record)
    return record
}

private func text(_ deployments: [DeploymentRecord], _ change: (inout SysrootReport) -> Void = { _ in }) -> String {
    var report = SysrootReport(root: "/sysroot")
    report.deployments = deployments
    change(&report)
    return StatusReport(report).text
}

@Suite struct StatusParagraphTests {
    @Test("a new sysroot says that there are no deployments, and what it follows")
    func empty() {
        let shown = text([]) {
            $0.state = SysrootState(origin: "https://example.org/", channel: "lean-host/stable", architecture: "x86_64")
        }
        #expect(
            shown == """
                Sysroot   /sysroot
                Follows   lean-host/stable (x86_64)
                Origin    https://example.org/
                There are no deployments.
                """)
    }

    @Test("a deployment is a paragraph of what is known")
    func paragraph() {
        let deployment = record(0, version: "2") {
            $0.verdict = .trusted(keyIDs: ["0123456789abcdef"])
            $0.refspec = "lean-host/stable/x86_64"
            $0.timestamp = time
            $0.deployedAt = time + 60
            $0.command = "hostctl upgrade"
        }
        #expect(
            text([deployment]) == """
                Sysroot   /sysroot

                  0  lean-host/stable 2  (default)
                     Commit    \(deployment.checksum).0
                     Signature good, by trusted key 0123456789abcdef
                     Ref       lean-host/stable/x86_64
                     Released  2026-11-28 04:41 UTC
                     Deployed  2026-11-28 04:42 UTC by 'hostctl upgrade'
                """)
    }

    @Test("what is not known is left out, and a deployment without a version has its stateroot's name")
    func unknown() {
        let deployment = record(0, version: "2") {
            $0.version = nil
            $0.channel = nil
        }
        let shown = text([deployment])
        #expect(shown.contains("  0  host  (default)"))
        for word in ["Ref ", "Released", "Deployed", "Problem"] { #expect(!shown.contains(word)) }
        #expect(shown.contains("Signature not checked"))
    }

    @Test("on a running host the booted deployment is marked, and what comes next is named")
    func roles() {
        let deployments = [record(0, version: "3"), record(1, version: "2") { $0.isBooted = true }]
        let shown = text(deployments) { $0.isRunning = true }
        #expect(shown.hasPrefix("Sysroot   /sysroot (running)\n"))
        #expect(shown.contains("  0  lean-host/stable 3  (next boot)"))
        #expect(shown.contains("* 1  lean-host/stable 2  (booted, rollback)"))
    }

    @Test("a booted default is the default, the one after it the rollback, a pinned one pinned")
    func pinned() {
        let deployments = [
            record(0, version: "3") { $0.isBooted = true }, record(1, version: "2"),
            record(2, version: "1") { $0.isPinned = true },
        ]
        let shown = text(deployments) { $0.isRunning = true }
        #expect(shown.contains("* 0  lean-host/stable 3  (booted, default)"))
        #expect(shown.contains("  1  lean-host/stable 2  (rollback)"))
        #expect(shown.contains("  2  lean-host/stable 1  (pinned)"))
    }

    @Test("a deployment of another stateroot is no rollback")
    func otherStateroot() {
        var other = record(1, version: "2")
        other.name = DeploymentName(stateroot: "other", checksum: other.checksum, serial: 0)
        #expect(!text([record(0, version: "3"), other]).contains("rollback"))
    }

    @Test("a deployment without a boot entry has no number and is not bootable")
    func unlisted() {
        let shown = text([record(0, version: "2"), record(1, version: "1") { $0.isListed = false }])
        #expect(shown.contains("  -  lean-host/stable 1  (not bootable)"))
        #expect(!shown.contains("rollback"))
    }

    @Test(
        "signatures that are not good are told apart",
        arguments: [
            (Verdict.revoked(keyIDs: ["a", "b"]), "BAD, by revoked key a, b"),
            (.unknownKey, "UNKNOWN, by no key that is trusted here"), (.invalid, "BAD, malformed"), (.unsigned, "none"),
        ])
    func verdict(verdict: Verdict, words: String) {
        #expect(text([record(0, version: "1") { $0.verdict = verdict }]).contains("Signature \(words)\n") == false)
        #expect(text([record(0, version: "1") { $0.verdict = verdict }]).hasSuffix("Signature \(words)"))
    }

    @Test("problems stand with their deployment, those of the sysroot at the end")
    func problems() {
        let deployment = record(0, version: "1") {
            $0.problems = [SysrootProblem(.damagedOrigin, path: "/o", "the origin file names no ref")]
        }
        let shown = text([deployment]) {
            $0.problems = [SysrootProblem(.missingBootEntries, path: "/boot", "there are no boot entries")]
        }
        #expect(shown.contains("     Problem   the origin file names no ref\n"))
        #expect(shown.hasSuffix("\n\nProblems:\n     there are no boot entries"))
    }

    @Test("the last failure is told with its reason and what to do")
    func failure() {
        let shown = text([]) {
            $0.lastFailure = FailureRecord(
                time: time, command: "hostctl upgrade", reason: "cannot write /x: No space", advice: "free some space")
        }
        #expect(
            shown.hasSuffix(
                """
                The last change failed: 'hostctl upgrade', 2026-11-28 04:41 UTC
                     Reason    cannot write /x: No space
                     Help      free some space
                """))
    }

    @Test("a report from the status file says how old it is")
    func asOf() {
        #expect(text([]) { $0.writtenAt = time }.contains("As of     2026-11-28 04:41 UTC; run as root"))
    }

    @Test("the JSON of an empty report has its format, and nothing that is not known")
    func emptyJSON() {
        #expect(
            StatusReport(SysrootReport(root: "/")).json == [
                "format": 1, "root": "/", "running": false, "deployments": [], "problems": [],
            ])
    }

    @Test("the JSON is strict, and holds what the text holds")
    func json() throws {
        var report = SysrootReport(root: "/sysroot")
        report.isRunning = true
        report.state = SysrootState(origin: "file:///origin", channel: "c", architecture: "x86_64")
        report.deployments = [
            record(0, version: "2 \"\n") {
                $0.isBooted = true
                $0.verdict = .trusted(keyIDs: ["k"])
                $0.problems = [SysrootProblem(.missingFolder, path: "/p", "gone")]
            },
            record(1, version: "1") { $0.isPinned = true },
        ]
        report.lastFailure = FailureRecord(time: time, command: "hostctl switch", reason: "no")
        let value = try JSONValue(strict: StatusReport(report).json.encode(pretty: true), what: "the status")
        let deployments = value["deployments"]?.array ?? []
        #expect(deployments.map { $0["version"] } == ["2 \"\n", "1"])
        #expect(deployments.map { $0["booted"]?.bool } == [true, false])
        #expect(deployments.map { $0["pinned"]?.bool } == [false, true])
        #expect(deployments.first?["signature"] == ["verdict": "trusted", "keys": ["k"]])
        #expect(deployments.first?["problems"] == [["kind": "missing-folder", "path": "/p", "text": "gone"]])
        #expect(value["origin"] == "file:///origin" && value["running"] == true)
        #expect(value["last-failure"]?["command"] == "hostctl switch")
        #expect(value["last-failure"]?["advice"] == nil)
    }
}
