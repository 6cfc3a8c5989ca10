import Glibc
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Machines that are killed while they work, at any moment, and started again: once and again the same one, so that what
/// one cut leaves meets the next. `Tests/BootTests/faults --kills N` is the campaign.
@Suite("machines that are killed", .enabled(if: BootFixture.startsAll, BootFixture.allReason), .serialized)
struct KilledMachineTests {
    private static let count = ProcessVariables["HOSTCTL_KILLS"].flatMap { Int($0) } ?? KilledHost.Moment.allCases.count

    @Test(
        "whenever it is killed, it comes up with the old or the new release, and completes what was cut",
        arguments: ["ext4", "btrfs", "xfs"].filter { ProcessVariables["HOSTCTL_FILE_SYSTEM"] ?? $0 == $0 })
    func killed(_ fileSystem: String) throws {
        let folder = try TemporaryFolder()
        let releases = try OwnReleases()
        var disk = try BootFixture.shared.get().disk("systemd-boot")
        if fileSystem != "ext4" {
            disk = folder.path.appending("disk.qcow2")
            try BootFixture.shared.get().install(disk, "--size", "3G", "--file-system", fileSystem)
        }
        let machine = try Machine(disk, firmware: .uefi, origin: releases.fixture.origin)
        try machine.boot()
        #expect(try machine.run("findmnt -no FSTYPE /sysroot || findmnt -no FSTYPE /") == "\(fileSystem)\n")
        #expect(try machine.waitUntilStarted() == "running")
        try machine.run("sync")
        var host = try KilledHost(machine, releases, SeededGenerator(stream: 50))
        for round in 0..<Self.count {
            let moment = KilledHost.Moment.allCases[round % KilledHost.Moment.allCases.count]
            let faults = try host.cut(moment)
            #expect(faults == [], "\(fileSystem), \(moment), kill \(round + 1), seed \(Campaign.seed)")
        }
        print("\(fileSystem): seed \(Campaign.seed), \(host.summary)")
        let verified = try machine.attempt("hostctl verify", timeout: 300)
        #expect(verified.status == 0, "\(verified.output)")
        try machine.run("ostree fsck --quiet --repo=/sysroot/ostree/repo", timeout: 300)
    }
}

/// A machine that runs, what it runs, and what was seen when it was killed.
private struct KilledHost {
    /// What it does when it is killed.
    enum Moment: String, CaseIterable {
        case staging, finalizing, starting, rollback
        /// At a step of the switch itself.
        case switching
    }

    /// Steps of a switch: hostctl ends there, and the machine with it, before anything else is flushed.
    private static let steps = [
        "finalize.before-etc", "etc.after-switch", "finalize.before-switch", "boot.before-file-rename",
        "boot.after-file-rename", "boot.after-name-flush", "boot.after-folder-flush", "finalize.after-switch",
        "finalize.after-record",
    ]

    private let machine: Machine
    private let releases: OwnReleases
    private var generator: SeededGenerator
    private var running: String
    /// The releases that have been published.
    private var newest = 2
    private var counts: [String: Int] = [:]
    private static let marks = ["etc/killed.conf": "local\n", "var/lib/killed/file": "data\n"]

    init(_ machine: Machine, _ releases: OwnReleases, _ generator: SeededGenerator) throws {
        (self.machine, self.releases, self.generator) = (machine, releases, generator)
        running = try machine.release()
        try machine.run("mkdir /var/lib/killed; echo data >/var/lib/killed/file; echo local >/etc/killed.conf; sync")
    }

    /// How often the old and the new release came up.
    var summary: String { counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ") }

    /// - Returns: what was not as it has to be after the power came back.
    mutating func cut(_ moment: Moment) throws -> [String] {
        switch moment {
        case .staging: try cutStaging()
        case .finalizing: try cutFinalization()
        case .starting: try cutStart()
        case .rollback: try cutRollback()
        case .switching: try cutSwitch()
        }
    }

    private mutating func cutStaging() throws -> [String] {
        let next = try publish()
        try machine.send("hostctl upgrade --progress none")
        kill(within: 15)
        var faults = try comeUp(.staging, one: [running])
        // Again, whether it was staged or not.
        try machine.run("hostctl upgrade --progress none", timeout: 400)
        faults += try complete(to: next)
        return faults
    }

    private mutating func cutFinalization() throws -> [String] {
        let next = try publish()
        try machine.run("hostctl upgrade --progress none", timeout: 400)
        try machine.send("systemctl reboot")
        kill(within: 12)
        let faults = try comeUp(.finalizing, one: [running, next])
        // What was cut off before the switch stays staged.
        return try faults + (running == next ? [] : complete(to: next))
    }

    private mutating func cutStart() throws -> [String] {
        let next = try publish()
        try machine.run("hostctl upgrade --progress none", timeout: 400)
        try machine.shutDown()
        try machine.start()
        kill(within: 40)
        // One of three tries is used up.
        return try comeUp(.starting, one: [next])
    }

    private mutating func cutRollback() throws -> [String] {
        let status = try machine.run("hostctl status --json")
        // One of those that can be gone back to; the release that runs stands among them.
        let listed = try JSONFields(strict: Array(status.utf8), what: "status").objects("deployments")
        let former = try listed.map { try $0.string("version") }.filter { $0 != running }
        try machine.send("hostctl rollback")
        kill(within: 3)
        let faults = try comeUp(.rollback, one: [running] + former)
        if former.contains(running) { return faults }
        try machine.run("hostctl rollback")
        let before = running
        try machine.restart()
        let state = try BootedState(machine, marks: Self.marks)
        running = state.release
        return faults + state.faults + (running == before ? ["after a whole rollback \(before) runs"] : [])
    }

    private mutating func cutSwitch() throws -> [String] {
        let next = try publish()
        try machine.run("hostctl upgrade --progress none", timeout: 400)
        let step = Self.steps.randomElement(using: &generator) ?? Self.steps[0]
        let killed = try machine.attempt("HOSTCTL_FAULT_POINT=\(step) hostctl finalize --now")
        machine.stop()
        let reached = killed.status == 137 ? [] : ["\(step) was not reached: \(killed.output)"]
        let faults = try comeUp(.switching, one: [running, next])
        return try reached + faults + (running == next ? [] : complete(to: next))
    }

    /// - Returns: the version of a new release.
    private mutating func publish() throws -> String {
        newest += 1
        // Each with a kernel of its own, which the boot partition gets and loses.
        try releases.fixture.deriveKernel("\(newest)", padding: newest * 512)
        return "\(newest)"
    }

    private mutating func kill(within seconds: Double) {
        let delay = Double.random(in: 0...seconds, using: &generator)
        // A machine that has ended by itself is as good.
        _ = waitUntil(timeout: delay) { !machine.isRunning }
        machine.stop()
    }

    private mutating func comeUp(_ moment: Moment, one expected: [String]) throws -> [String] {
        try machine.boot()
        let state = try BootedState(machine, marks: Self.marks)
        var faults = state.faults
        if !expected.contains(state.release) { faults.append("\(state.release) runs, not one of \(expected)") }
        counts["\(moment): \(state.release == running ? "old" : "new")", default: 0] += 1
        running = state.release
        return faults
    }

    private mutating func complete(to next: String) throws -> [String] {
        try machine.restart()
        let state = try BootedState(machine, marks: Self.marks)
        running = state.release
        return state.faults + (running == next ? [] : ["\(running) runs after a whole restart, not \(next)"])
    }
}
