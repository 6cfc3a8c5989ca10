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
    private let log: WriteLog
    /// Cuts that were examined, by what the disk boots then.
    private(set) var counts: [String: Int] = [:]
    /// States that are neither old nor new, or not whole.
    private(set) var thirds: [String] = []

    /// Every so many states the installation is run again, which takes as long as all that a state needs besides.
    private static let again = 8

    private var before: FilePath { folder.appending("before") }

    /// Installs release 2 over a disk with release 1, on record.
    ///
    /// - Parameter folder: takes some gigabytes, mostly holes.
    init(_ fixture: BootFixture, loader: String, in folder: FilePath) throws {
        (self.fixture, self.folder, self.loader) = (fixture, folder, loader)
        try Files.makeFolder(folder)
        let disk = folder.appending("disk")
        try Machine.need(
            run(
                ["/usr/bin/qemu-img", "convert", "-O", "raw", fixture.disk(loader).string, disk.string], timeout: 300))
        try Machine.need(
            run(["/bin/cp", "--sparse=always", disk.string, folder.appending("before").string], timeout: 300))
        let recorder = try RecordedDisk(disk, in: folder.appending("record"))
        try Self.install(fixture, loader, onto: recorder.device)
        log = try recorder.finish()
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

    mutating func look(_ count: Int, _ generator: inout SeededGenerator) throws {
        let choice = PowerCutChoice(log)
        let manners = PowerCut.Manner.allCases
        // The flushes at both ends are the ones that matter, and few.
        let edges = choice.flushes.prefix(6) + choice.flushes.suffix(12)
        let cuts = (0..<count).map { index in
            let start = (index % 2 == 0 ? edges : choice.flushes[...]).randomElement(using: &generator) ?? 0
            return choice.cut(after: start, manners[index % manners.count], &generator)
        }.sorted { $0.start < $1.start }
        let base = folder.appending("base")
        try Machine.need(run(["/bin/cp", "--sparse=always", before.string, base.string], timeout: 300))
        let history = try DiskHistory(log, on: base)
        for (index, cut) in cuts.enumerated() {
            // As in `PowerCutCampaign`: a file of its own.
            let state = folder.appending("state-\(index)")
            defer { unlink(state.string) }
            try history.make(cut, at: state)
            try examine(state, cut, runsAgain: index % Self.again == 0)
        }
    }

    private mutating func examine(_ state: FilePath, _ cut: PowerCut, runsAgain: Bool) throws {
        var faults: [String] = []
        do {
            let release = try look(at: state, &faults)
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

    /// - Returns: the release that boots, or `nothing` of a disk without partitions.
    private func look(at state: FilePath, _ faults: inout [String]) throws -> String {
        let disk: HostDisk
        do { disk = try HostDisk(reading: state) } catch { return "nothing" }
        let mounted = try MountedHost(disk, state, in: folder.appending("mounted"))
        let found = HostExamination(mounted, hostctl: BootFixture.program, marks: [:])
        faults += found.faults
        let records = SysrootReader(root: mounted.root).report().deployments
        let release = records.first { $0.name == found.boots }?.version ?? "?"
        if release != "1", release != "2" { faults.append("\(release) boots") }
        return release
    }
}
