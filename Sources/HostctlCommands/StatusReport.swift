import Checksums
import Glibc
import LinuxSystem
import Signatures
public import Sysroots
public import TrustMetadata

/// What `hostctl status` prints.
public struct StatusReport: OutputValue {
    private let report: SysrootReport
    private let policy: PolicyInForce?

    /// Shows a report, and the policy of automatic updates.
    public init(_ report: SysrootReport, policy: PolicyInForce? = nil) {
        self.report = report
        self.policy = policy
    }

    /// The report as JSON, format 1; docs/disk-format.md describes it.
    public var json: JSONValue {
        guard case .policy(let name) = policy, let members = report.json.object else { return report.json }
        return .object(members + [(key: "policy", value: .string(name))])
    }

    /// The report for people: what boots next first, each deployment in a paragraph, then what is wrong.
    public var text: String {
        ([header] + report.deployments.map(paragraph) + [boots, failure, problems]).filter { !$0.isEmpty }
            .map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
    }

    private var header: [String] {
        var lines = [field("Sysroot", report.isRunning ? "\(report.root) (running)" : report.root, indent: 0)]
        if let state = report.state {
            lines.append(field("Follows", "\(state.channel) (\(state.architecture))", indent: 0))
            lines.append(field("Origin", state.origin, indent: 0))
        }
        if report.isUsrWritable { lines.append(field("/usr", "WRITABLE until the next boot", indent: 0)) }
        lines += automatic
        if let time = report.writtenAt {
            lines.append(field("As of", "\(UTCTime(time)); run as root for the present state", indent: 0))
        }
        if report.deployments.isEmpty { lines.append("There are no deployments.") }
        return lines
    }

    private var automatic: [String] {
        var lines: [String] = []
        let last = report.lastAutomaticRun.map { "; \(UTCTime($0.time)): \(AutomaticRunText.sentence($0))" } ?? ""
        switch policy {
        case .policy(let name) where report.state != nil:
            lines.append(field("Policy", name + last, indent: 0))
        case .unreadable(let reason): lines.append(field("Policy", "UNKNOWN, \(reason)", indent: 0))
        default: break
        }
        if let hold = report.hold, hold.isActive(at: Int64(time(nil))) {
            lines.append(field("Held", AutomaticRunText.sentence(hold), indent: 0))
        }
        return lines
    }

    private func paragraph(_ record: DeploymentRecord) -> [String] {
        let marker = record.isBooted ? "*" : " "
        let place = record.isListed ? String(record.index) : record.isStaged ? "+" : "-"
        let words = roles(record)
        var lines = [
            "\(marker) \(place)  \(title(record))" + (words.isEmpty ? "" : "  (\(words.joined(separator: ", ")))")
        ]
        lines.append(field("Commit", "\(record.checksum.hex).\(record.name.serial)"))
        lines.append(field("Signature", signature(record.verdict)))
        if let refspec = record.refspec { lines.append(field("Ref", refspec)) }
        if let time = record.timestamp { lines.append(field("Released", "\(UTCTime(time))")) }
        if let deployed = deployed(record) { lines.append(field("Deployed", deployed)) }
        for problem in record.problems { lines.append(field("Problem", problem.text)) }
        return lines
    }

    private func roles(_ record: DeploymentRecord) -> [String] {
        var words: [String] = []
        if record.isBooted { words.append("booted") }
        if record.isStaged { words.append("staged, next boot after a clean shutdown") }
        if record.isDefault {
            words.append(report.isRunning && !record.isBooted && report.staged == nil ? "next boot" : "default")
        }
        if record.name == report.rollback?.name { words.append("rollback") }
        if record.isPinned { words.append("pinned") }
        if let boots = report.boots, record.name == boots.good { words.append("good") }
        if report.boots?.reasonAgainst(record.name) != nil { words.append("BAD") }
        if let left = record.triesLeft { words.append(left == 1 ? "1 try left" : "\(left) tries left") }
        if record.areTriesUnknown { words.append("tries unknown") }
        if !record.isListed, !record.isStaged { words.append("not bootable") }
        return words
    }

    private func signature(_ verdict: Verdict?) -> String {
        switch verdict {
        case .trusted(let ids): "good, by trusted key \(ids.joined(separator: ", "))"
        case .revoked(let ids): "BAD, by revoked key \(ids.joined(separator: ", "))"
        case .unknownKey: "UNKNOWN, by no key that is trusted here"
        case .invalid: "BAD, malformed"
        case .unsigned: "none"
        case nil: "not checked"
        }
    }

    private func deployed(_ record: DeploymentRecord) -> String? {
        let time = record.deployedAt.map { "\(UTCTime($0))" }
        let command = record.command.map { "by '\($0)'" }
        let parts = [time, command].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: " ")
    }

    /// What did not come up, newest first.
    private var boots: [String] {
        guard let boots = report.boots else { return [] }
        var lines: [String] = []
        if let failing = boots.failing, let record = report.deployments.first(where: { $0.name == failing.deployment })
        {
            lines.append("The last boot of \(title(record)) failed, \(UTCTime(failing.time))")
            lines.append(field("Reason", failing.reason))
        }
        for bad in boots.bad.reversed() {
            lines.append("\(bad.version ?? bad.commit.hex) did not come up, and is not taken again by itself")
            lines.append(field("Reason", "\(bad.reason), \(UTCTime(bad.time))"))
        }
        return lines
    }

    private func title(_ record: DeploymentRecord) -> String {
        let name = [record.channel, record.version].compactMap { $0 }.joined(separator: " ")
        return name.isEmpty ? record.stateroot : name
    }

    private var failure: [String] {
        guard let failure = report.lastFailure else { return [] }
        var lines = ["The last change failed: '\(failure.command)', \(UTCTime(failure.time))"]
        lines.append(field("Reason", failure.reason))
        if let advice = failure.advice { lines.append(field("Help", advice)) }
        return lines
    }

    private var problems: [String] {
        if report.problems.isEmpty { return [] }
        return ["Problems:"] + report.problems.map { "     \($0.text)" }
    }

    private func field(_ name: String, _ value: String, indent: Int = 5) -> String {
        String(repeating: " ", count: indent) + name + String(repeating: " ", count: max(1, 10 - name.count)) + value
    }
}
