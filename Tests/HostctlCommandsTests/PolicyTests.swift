import LinuxSystem
import Sysroots
import Testing
import TrustMetadata

@testable import HostctlCommands

/// How `status` shows automatic updates.
@Suite struct PolicyTests {
    private var report: SysrootReport {
        var report = SysrootReport(root: "/srv/host")
        report.state = SysrootState(origin: "https://o.example/", channel: "lean-host/stable", architecture: "x86_64")
        return report
    }

    private func run(_ result: AutomaticRun.Result, _ detail: String? = nil) -> AutomaticRun {
        AutomaticRun(
            time: 1_700_000_000, policy: "stage", result: result, version: "13.2", detail: detail, category: .network)
    }

    private func line(_ report: SysrootReport, _ policy: PolicyInForce?, _ start: String) -> String? {
        StatusReport(report, policy: policy).text.split(separator: "\n").first { $0.hasPrefix(start) }.map(String.init)
    }

    @Test("policy and last run are one line") func lines() {
        var report = report
        #expect(line(report, .policy("stage"), "Policy") == "Policy    stage")
        #expect(line(report, nil, "Policy") == nil)
        report.lastAutomaticRun = run(.unchanged)
        #expect(
            line(report, .policy("stage"), "Policy")
                == "Policy    stage; 2023-11-14 22:13 UTC: nothing newer than 13.2")
        report.lastAutomaticRun = run(.failed, "cannot fetch it")
        #expect(
            line(report, .policy("stage"), "Policy")
                == "Policy    stage; 2023-11-14 22:13 UTC: failed with exit code 5: cannot fetch it")
        #expect(line(report, .unreadable("x:3: no"), "Policy") == "Policy    UNKNOWN, x:3: no")
    }

    @Test("a pause is shown while it lasts") func hold() {
        var report = report
        report.hold = UpdateHold(since: 1, reason: "year-end")
        #expect(line(report, nil, "Held") == "Held      until 'hostctl auto-update resume': year-end")
        report.hold = UpdateHold(since: 1, until: 2, reason: "year-end")
        #expect(line(report, nil, "Held") == nil)
    }

    @Test("no result is without its own words") func words() {
        let sentences = AutomaticRun.Result.allCases.map { AutomaticRunText.sentence(run($0)) }
        #expect(Set(sentences).count == sentences.count)
    }

    @Test("the JSON has the policy, when it can be read") func json() throws {
        let known = try JSONFields(StatusReport(report, policy: .policy("off")).json, what: "the status")
        #expect(try known.string("policy") == "off")
        let unknown = try JSONFields(StatusReport(report, policy: .unreadable("no")).json, what: "the status")
        #expect(!unknown.has("policy"))
    }
}
