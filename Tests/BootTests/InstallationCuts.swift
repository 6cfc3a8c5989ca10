import Glibc
import LinuxSystem
import PowerCuts
import Sysroots
import SystemPackage
import TestSupport

/// Cuts the power of an installation over a disk that has a host on it already.
struct InstallationCuts {
    private let fixture: BootFixture
    private let folder: FilePath
    private let loader: String
    private let firmware: Machine.Firmware
    /// Cuts that were examined, by what the disk boots then.
    private(set) var counts: [String: Int] = [:]
    /// Machines that came up, by the release that ran.
    private(set) var booted: [String: Int] = [:]
    /// States that are neither old nor new, or not whole.
    private(set) var thirds: [String] = []

    /// Every so many states the installation is run again, which takes as long as all that a state needs besides.
    private static let again = 8

    private var before: FilePath { folder.appending("before") }

    private var log: FilePath { folder.appending("record/log") }
    private var completion: FilePath { folder.appending("complete") }

    /// Installs release 2 over a disk with release 1, on record.
    ///
    /// - Parameter folder: takes some gigabytes, mostly holes. What is there of an earlier recording is used.
    init(_ fixture: BootFixture, loader: String, firmware: Machine.Firmware, in folder: FilePath) throws {
        (self.fixture, self.folder, self.loader, self.firmware) = (fixture, folder, loader, firmware)
        if Files.exists(completion) { return }
        try Files.removeTree(folder)
        try Files.makeFolder(folder)
        let disk = folder.appending("disk")
        try Machine.need(
            run(
                ["/usr/bin/qemu-img", "convert", "-O", "raw", fixture.disk(loader).string, disk.string], timeout: 300))
        try Machine.need(run(["/bin/cp", "--sparse=always", disk.string, before.string], timeout: 300))
        let recorder = try RecordedDisk(disk, in: folder.appending("record"))
        try Self.install(fixture, loader, onto: recorder.device)
        _ = try recorder.finish()
        try Files.replace(completion, with: [])
    }

    /// Installs onto a device, as operators do.
    private static func install(_ fixture: BootFixture, _ loader: String, onto file: FilePath) throws {
        let attached = try run(["/sbin/losetup", "--find", "--show", file.string])
        try Machine.need(attached)
        let device = String(attached.text.prefix { $0 != "\n" })
        defer { _ = try? run(["/sbin/losetup", "--detach", device]) }  // It goes with its file at the latest.
        try Machine.need(
            run(
                [
                    BootFixture.program, "install", "disk", device, "--wipe", "--origin", fixture.origin.string,
                    "--channel", BootFixture.channel, "--version", "2", "--trusted-key", fixture.publicKey.string,
                    "--boot-loader", loader, "--hostname", "boot-test",
                ], timeout: 600))
    }

    /// - Parameters:
    ///   - count: states.
    ///   - boots: as many of them are started, too, if there are as many with partitions.
    mutating func look(_ count: Int, boots: Int, _ generator: inout SeededGenerator) throws {
        let log = try WriteLog(reading: log)
        let choice = PowerCutChoice(log)
        let manners = PowerCut.Manner.allCases
        // The flushes at both ends are the ones that matter, and few.
        let edges = choice.flushes.prefix(6) + choice.flushes.suffix(12)
        var drawn = DrawnCuts()
        let cuts = (0..<count).compactMap { index in
            drawn.next(of: 0) { attempt in
                let isAtEdge = index % 2 == 0 && attempt < 20
                let start = (isAtEdge ? edges : choice.flushes[...]).randomElement(using: &generator) ?? 0
                return choice.cut(after: start, manners[index % manners.count], &generator)
            }
        }.sorted { $0.start < $1.start }
        let states = try TemporaryFolder(inMemory: true, room: RecordedHost.room)
        let base = states.path.appending("base")
        try Machine.need(run(["/bin/cp", "--sparse=always", before.string, base.string], timeout: 300))
        let history = try DiskHistory(log, on: base)
        for (index, cut) in cuts.enumerated() {
            // As in `RecordedHost.forEachDisk`: a file of its own.
            let state = states.path.appending("state-\(index)")
            defer { unlink(state.string) }
            try history.make(cut, at: state)
            // Only the disks of its beginning and of its end have partitions.
            let starts = booted.values.reduce(0, +) < (index < cuts.count / 2 ? boots / 2 : boots)
            try examine(state, cut, starts: starts, runsAgain: index % Self.again == 0)
        }
    }

    private mutating func examine(_ state: FilePath, _ cut: PowerCut, starts: Bool, runsAgain: Bool) throws {
        var faults: [String] = []
        do {
            let started = starts ? try start(state, &faults) : nil
            let release = try look(at: state, &faults)
            if let started, started != release { faults.append("\(started) runs, \(release) was to boot") }
            counts[release, default: 0] += 1
            if runsAgain {
                try Self.install(fixture, loader, onto: state)
                let completed = try look(at: state, &faults)
                if completed != "2" { faults.append("installed again, \(completed) boots") }
            }
        } catch {
            faults.append("\(error)")
        }
        if faults.isEmpty { return }
        thirds.append("\(cut): \(faults.joined(separator: "; "))")
        print("a third state: \(thirds[thirds.count - 1])")
    }

    /// - Returns: the release that runs; `nil` for a disk without partitions, which no machine starts from.
    private mutating func start(_ state: FilePath, _ faults: inout [String]) throws -> String? {
        do { _ = try HostDisk(reading: state) } catch { return nil }
        let overlay = FilePath("\(state)-overlay")
        defer { unlink(overlay.string) }
        let machine = try BootedState.machine(
            on: state, overlay: overlay, firmware: firmware, origin: fixture.origin)
        try machine.boot()
        let found = try BootedState(machine, marks: [:])
        booted[found.release, default: 0] += 1
        faults += found.faults
        return found.release
    }

    /// - Returns: the release that boots, or `nothing` of a disk without partitions.
    private func look(at state: FilePath, _ faults: inout [String]) throws -> String {
        let disk: HostDisk
        do { disk = try HostDisk(reading: state) } catch { return "nothing" }
        let mounted = try MountedHost(disk, state, in: FilePath("\(state)-mounted"))
        let found = HostExamination(mounted, hostctl: BootFixture.program, marks: [:])
        faults += found.faults
        let records = SysrootReader(root: mounted.root).report().deployments
        let release = records.first { $0.name == found.boots }?.version ?? "?"
        if release != "1", release != "2" { faults.append("\(release) boots") }
        return release
    }
}
