import LinuxSystem
import Sysroots
import SystemPackage

extension Examination {
    /// The clock against what is known to be past.
    var clock: Finding {
        let check = "clock"
        guard let newest = report?.deployments.compactMap(\.timestamp).max(), now < newest else {
            return .ok(check, "the clock is later than every deployed release")
        }
        let days = (newest - now) / 86_400
        let why = "certificates look as if they were not valid yet, and what is logged has wrong times"
        return .problem(
            check, "the clock is \(days > 0 ? "\(days) days" : "less than a day") behind the newest deployed release",
            why: why, advice: "set it, and check the time service and the battery")
    }

    /// What `status` knows: damage, and what went wrong last time.
    var state: [Finding] {
        guard let report else { return [] }
        var findings = report.allProblems.map { problem in
            Finding.problem(
                problem.kind.rawValue, problem.text,
                why: problem.kind == .interruptedChange
                    ? "what was begun is not complete" : "changes are refused while the sysroot is damaged so",
                advice: "'hostctl status' shows where; \(problem.path)")
        }
        if findings.isEmpty { findings.append(.ok("deployments", "\(report.listed.count) can be booted")) }
        if let failure = report.lastFailure {
            findings.append(
                .warning(
                    "last-failure", "'\(failure.command)' has failed: \(failure.reason)",
                    why: "nothing has succeeded since", advice: failure.advice))
        }
        return findings
    }

    /// What interrupted commands have left.
    var leftovers: [Finding] {
        let check = "leftovers"
        var findings: [Finding] = []
        if PendingChange.exists(in: paths), let interrupted { findings.append(interrupted) }
        let files =
            temporaryFiles(in: paths.state, ending: ".tmp") + temporaryFiles(in: paths.repository.appending("tmp"))
        if !files.isEmpty {
            let why = "they take space, and nothing uses them"
            let text = "\(files.count) temporary files of commands that were killed, such as \(files[0])"
            findings.append(.warning(check, text, why: why, advice: "the next change or cleanup removes them"))
        }
        return findings.isEmpty ? [.ok(check, "no command has left anything behind")] : findings
    }

    /// What `pending.json` tells; `nil` when it is nobody's concern: after a finalization it waits for the next change.
    private var interrupted: Finding? {
        let check = "leftovers"
        var pending: PendingChange?
        do { pending = try PendingChange.load(paths) } catch {}  // What cannot be read was interrupted all the same.
        guard let pending, pending.action == .finalize else {
            let why = "a command was killed in the middle of a change"
            let advice = "run 'hostctl upgrade', or the same command again; it completes what was begun"
            return .warning(check, "an interrupted change", why: why, advice: advice)
        }
        guard report?.staged?.name == pending.target else { return nil }
        return .warning(
            check, "a shutdown was cut off before it could switch to what is staged",
            why: "the host has booted as before, and it is still staged",
            advice: "nothing has to be done: the next shutdown switches to it")
    }

    private func temporaryFiles(in folder: FilePath, ending: String = "") -> [String] {
        do throws(SystemError) {
            return try Files.namesIfPresent(in: folder).filter { name in
                (name.hasPrefix(".hostctl-") || name.hasPrefix("hostctl-")) && name.hasSuffix(ending)
            }.map { folder.appending($0).string }
        } catch {
            // Without privileges; the first finding says so.
            return []
        }
    }

    /// Whether upgrades come by themselves.
    var units: Finding {
        let check = "units"
        let name = "hostctl-upgrade.timer"
        guard let root = settingsRoot else { return .ok(check, "nothing is deployed that could have units") }
        let folders = ["etc/systemd/system", "usr/lib/systemd/system"].map { root.appending($0) }
        let why = "releases are only installed when somebody runs 'hostctl upgrade'"
        if Files.linkTarget(folders[0].appending(name)) == "/dev/null" {
            return .warning(check, "\(name) is masked", why: why, advice: "systemctl unmask \(name)")
        }
        guard folders.contains(where: { Files.exists($0.appending(name)) }) else {
            return .warning(check, "the image has no \(name)", why: why, advice: "install it with the image")
        }
        let isEnabled = folders.contains { Files.exists($0.appending("timers.target.wants").appending(name)) }
        if isEnabled { return .ok(check, "\(name) is enabled") }
        return .warning(check, "\(name) is not enabled", why: why, advice: "systemctl enable --now \(name)")
    }
}
