import Glibc
import PowerCuts
import Sysroots
import SystemPackage
import TestSupport

/// Starts a machine on disks that power cuts have left, and asks it what it is.
struct CutBoots {
    let host: RecordedHost
    let firmware: Machine.Firmware
    let origin: FilePath
    /// Machines that came up, by the release that ran.
    private(set) var counts: [String: Int] = [:]
    /// Those that did not, or in which something was not as it has to be.
    private(set) var thirds: [String] = []
    /// The seconds until all had started, of each.
    private(set) var seconds: [Double] = []

    init(_ host: RecordedHost, firmware: Machine.Firmware, origin: FilePath) {
        (self.host, self.firmware, self.origin) = (host, firmware, origin)
    }

    mutating func run(_ states: [RecordedHost.State]) throws {
        try host.forEachDisk(of: states) { disk, state in
            var faults: [String] = []
            do { try look(at: disk, state, &faults) } catch { faults.append("\(error)") }
            if faults.isEmpty { return }
            thirds.append("\(state): \(faults.joined(separator: "; "))")
            print("a third state: \(thirds[thirds.count - 1])")
        }
    }

    /// What was seen.
    var summary: String {
        let lines = counts.sorted { $0.key < $1.key }.map { "    \($0.key) in \($0.value)" }
        let mean = seconds.isEmpty ? 0 : Int(seconds.reduce(0, +)) / seconds.count
        let head = "\(seconds.count) booted, \(mean) s each, \(thirds.count) of them third ones"
        return ([head] + lines).joined(separator: "\n")
    }

    private mutating func look(at disk: FilePath, _ state: RecordedHost.State, _ faults: inout [String]) throws {
        let clock = ContinuousClock.now
        let overlay = FilePath("\(disk)-overlay")
        defer { unlink(overlay.string) }
        let machine = try BootedState.machine(on: disk, overlay: overlay, firmware: firmware, origin: origin)
        defer { seconds.append((ContinuousClock.now - clock) / .seconds(1)) }
        try machine.boot()
        // In every fourth machine, and where a boot is part of what is done, all must have started.
        let waits = state.phase.worksAtBoot || seconds.count.isMultiple(of: 4)
        let found = try BootedState(machine, marks: RecordedHost.marks, waits: waits)
        counts["\(state.phase.name): \(found.release)", default: 0] += 1
        print("started, \(ContinuousClock.now - clock): \(found.release) runs after \(state)")
        faults += found.faults
        if found.release != state.phase.old, found.release != state.phase.new {
            faults.append("\(found.release) runs")
        }
        if state.phase.isFinalization {
            if found.release == state.phase.new, found.isStaged { faults.append("it is still staged") }
            if found.release == state.phase.old { faults += try completion(of: machine, disk, state.phase.new) }
        }
        machine.stop()
        // The loader has the last word on what the examination takes for the next to boot.
        let expected = try release(on: disk, &faults)
        if expected != found.release { faults.append("\(found.release) runs, \(expected) was to boot") }
    }

    /// What was cut off stays staged, and the next shutdown completes it.
    private func completion(of machine: Machine, _ disk: FilePath, _ new: String) throws -> [String] {
        try machine.switchOff()
        let after = FilePath("\(disk)-after")
        defer { unlink(after.string) }
        try Machine.need(
            TestSupport.run(
                ["/usr/bin/qemu-img", "convert", "-O", "raw", machine.disk.string, after.string], timeout: 300))
        var faults: [String] = []
        let found = try release(on: after, &faults)
        return faults + (found == new ? [] : ["after a shutdown \(found) boots"])
    }

    private func release(on disk: FilePath, _ faults: inout [String]) throws -> String {
        let mounted = try MountedHost(host.disk, disk, in: FilePath("\(disk)-mounted"))
        let found = HostExamination(
            mounted, hostctl: BootFixture.program, marks: RecordedHost.marks, depth: .boot)
        faults += found.faults
        let records = SysrootReader(root: mounted.root).report().deployments
        return records.first { $0.name == found.boots }?.version ?? "nothing"
    }
}
