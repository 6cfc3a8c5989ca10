import Glibc
import LinuxSystem
import PowerCuts
import Sysroots
import SystemPackage
import TestSupport

/// Cuts the power of a recorded host, in every phase and manner, and looks at what each cut has left.
struct PowerCutCampaign {
    let host: RecordedHost
    let hostctl: String
    /// Cuts that were examined, by what booted then.
    private(set) var counts: [String: Int] = [:]
    /// States that are neither old nor new, or not whole.
    private(set) var thirds: [String] = []
    private var versions: [DeploymentName: String] = [:]
    private var number = 0

    init(_ host: RecordedHost, hostctl: String) {
        self.host = host
        self.hostctl = hostctl
    }

    /// Examines about `count` states, as many of each phase as of any other.
    ///
    /// - Parameter looking: is given the disk of each state, before commands change it.
    mutating func run(
        _ count: Int, _ generator: inout SeededGenerator,
        looking: (FilePath, RecordedHost.Phase) throws -> Void = { _, _ in }
    ) throws {
        for (session, log) in host.logs.enumerated() {
            let phases = host.phases.filter { $0.session == session }
            if phases.isEmpty { continue }
            let base = host.folder.appending("base")
            try Machine.need(
                TestSupport.run(["/bin/cp", "--sparse=always", host.before(session).string, base.string], timeout: 300))
            let history = try DiskHistory(log, on: base)
            for phase in phases {
                let share = max(1, count / host.phases.count)
                for cut in cuts(phase, log, share, &generator) { try examine(cut, phase, history, looking) }
            }
            try Files.remove(base)
        }
    }

    /// Cuts of a phase, in the order of time.
    private func cuts(
        _ phase: RecordedHost.Phase, _ log: WriteLog, _ count: Int, _ generator: inout SeededGenerator
    ) -> [PowerCut] {
        let choice = PowerCutChoice(log, within: phase.range)
        let manners = PowerCut.Manner.allCases
        return (0..<count).map { index in
            // Every flush once, as far as the count goes, and then at random.
            let start =
                index < choice.flushes.count && count >= choice.flushes.count
                ? choice.flushes[index] : choice.flushes.randomElement(using: &generator) ?? phase.range.lowerBound
            return choice.cut(after: start, manners[index % manners.count], &generator)
        }.sorted { $0.start < $1.start }
    }

    private mutating func examine(
        _ cut: PowerCut, _ phase: RecordedHost.Phase, _ history: DiskHistory,
        _ looking: (FilePath, RecordedHost.Phase) throws -> Void
    ) throws {
        // Each has a file of its own: a process that was started elsewhere may hold the last one's mount for a while, and
        // a file that is mounted twice is one mount.
        number += 1
        let state = host.folder.appending("state-\(number)")
        defer { unlink(state.string) }
        try history.make(cut, at: state)
        try looking(state, phase)
        var faults: [String] = []
        do {
            let mounted = try MountedHost(host.disk, state, in: host.folder.appending("mounted"))
            let found = HostExamination(mounted, hostctl: hostctl, marks: RecordedHost.marks)
            faults = found.faults
            let release = found.boots.flatMap { version(of: $0, mounted) } ?? "nothing"
            counts["\(phase.name): \(release)", default: 0] += 1
            if release != phase.old, release != phase.new { faults.append("\(release) boots") }
            if !phase.again.isEmpty { faults += try completion(phase, release, mounted) }
        } catch {
            faults.append("\(error)")
        }
        if faults.isEmpty { return }
        thirds.append("\(phase.name), \(cut): \(faults.joined(separator: "; "))")
        print("a third state: \(thirds[thirds.count - 1])")
    }

    /// What was seen.
    var summary: String {
        let lines = counts.sorted { $0.key < $1.key }.map { "    \($0.key) in \($0.value)" }
        let head = "\(counts.values.reduce(0, +)) states, \(thirds.count) of them third ones"
        return ([head] + lines).joined(separator: "\n")
    }

    private mutating func version(of name: DeploymentName, _ mounted: MountedHost) -> String? {
        if let known = versions[name] { return known }
        let records = SysrootReader(root: mounted.root).report().deployments
        versions[name] = records.first { $0.name == name }?.version
        return versions[name]
    }

    /// Runs the interrupted command again.
    private mutating func completion(
        _ phase: RecordedHost.Phase, _ before: String, _ mounted: MountedHost
    ) throws -> [String] {
        // A rollback that is done would go there and back.
        if phase.again == [["rollback"]], before == phase.new { return [] }
        for arguments in phase.again {
            let result = try TestSupport.run(
                [hostctl] + arguments + ["--sysroot", mounted.root.string], timeout: 300)
            guard result.status == 0 else { return ["run again: \(result.end) \(result.errorText)"] }
        }
        // Every object has just been looked at; once in a while what the command has added is, too.
        let found = HostExamination(
            mounted, hostctl: hostctl, marks: RecordedHost.marks, view: .afterCommands,
            isThorough: number.isMultiple(of: 5))
        let release = found.boots.flatMap { version(of: $0, mounted) } ?? "nothing"
        return found.faults.map { "run again: \($0)" }
            + (release == phase.new ? [] : ["run again, \(release) boots"])
    }
}
