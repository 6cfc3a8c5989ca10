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
    /// Every fifth state is looked at more closely: hashing all objects takes most of the time, and only a command that
    /// writes some can have left one that is not whole.
    private var isInTurn: Bool { number.isMultiple(of: 5) }

    init(_ host: RecordedHost, hostctl: String) {
        self.host = host
        self.hostctl = hostctl
    }

    /// Examines states that `host` has drawn.
    mutating func run(_ states: [RecordedHost.State]) throws {
        try host.forEachDisk(of: states) { disk, state in try examine(state, disk) }
    }

    private mutating func examine(
        _ state: RecordedHost.State, _ disk: FilePath
    ) throws {
        number += 1
        let phase = state.phase
        var faults: [String] = []
        do {
            let mounted = try MountedHost(host.disk, disk, in: FilePath("\(disk)-mounted"))
            let found = HostExamination(
                mounted, hostctl: hostctl, marks: RecordedHost.marks,
                depth: phase.writesObjects || isInTurn ? .objects : .files)
            faults = found.faults
            let release = found.boots.flatMap { version(of: $0, mounted) } ?? "nothing"
            counts["\(phase.name): \(release)", default: 0] += 1
            if release != phase.old, release != phase.new { faults.append("\(release) boots") }
            if !phase.again.isEmpty { faults += try completion(phase, release, mounted) }
        } catch {
            faults.append("\(error)")
        }
        if faults.isEmpty { return }
        thirds.append("\(state): \(faults.joined(separator: "; "))")
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
        // All files have just been looked at; once in a while what the command has added is, too.
        let found = HostExamination(
            mounted, hostctl: hostctl, marks: RecordedHost.marks, view: .afterCommands,
            depth: isInTurn ? .objects : .boot)
        let release = found.boots.flatMap { version(of: $0, mounted) } ?? "nothing"
        return found.faults.map { "run again: \($0)" }
            + (release == phase.completed ? [] : ["run again, \(release) boots"])
    }
}
