import LinuxSystem
import PowerCuts
import SystemPackage
import TestSupport

/// A host that was updated twice, tidied up and went back, with every write of its disk on record. Each release has a
/// kernel of its own, so that the boot partition gets two, and loses one.
///
/// Each session is from switching the machine on until it is off. What a session starts from is kept beside its record.
struct RecordedHost {
    /// The time in which a command, or what a boot does by itself, was at work.
    struct Phase: Sendable {
        let name: String
        let session: Int
        /// Entries of the session's record.
        let range: Range<Int>
        /// What may boot afterwards, by release: before the command, and when it is done.
        let old: String
        let new: String
        /// Run on the sysroot of a state, these complete what was interrupted; none for what is not asked for.
        let again: [[String]]
        /// What boots when they have.
        let completed: String
        /// Whether a boot does some of it, or completes it.
        var worksAtBoot: Bool { isFinalization || name == RecordedHost.firstBoot }
        /// Whether a shutdown switches to what is staged.
        var isFinalization: Bool { name.hasPrefix(RecordedHost.finalize) }
        /// Whether the command adds objects to the store.
        var writesObjects: Bool { name.hasPrefix(RecordedHost.upgrade) }
    }

    /// What the disks and records of one host take at most, in bytes; they are mostly holes.
    static let room: Int64 = 6 << 30

    let folder: FilePath
    let disk: HostDisk
    private(set) var logs: [WriteLog] = []
    private(set) var phases: [Phase] = []

    /// What the host's people have made, below the deployment that runs or below the stateroot.
    static let marks = ["etc/local.conf": "local\n", "var/lib/data/file": "data\n"]
    /// Phases that are looked at in another way: the one with a download, the one that a shutdown ends with, and the boot
    /// after it.
    static let (upgrade, finalize, firstBoot) = ("upgrade", "finalize", "the first boot, marked good")
    private static func second(_ phase: String) -> String { "\(phase), the second" }
    private static let changes = """
        echo local >/etc/local.conf
        mkdir -p /var/lib/data && echo data >/var/lib/data/file
        sync
        """

    func before(_ session: Int) -> FilePath { folder.appending("before-\(session)") }
    private func log(_ session: Int) -> FilePath { folder.appending("log-\(session)") }
    private var raw: FilePath { folder.appending("disk") }
    /// What it was updated from: releases 1, 2 and 3.
    var origin: FilePath { folder.appending("origin") }

    /// Records the sessions.
    ///
    /// - Parameters:
    ///   - loader: `systemd-boot` or `grub`.
    ///   - folder: takes some gigabytes, mostly holes.
    init(_ fixture: BootFixture, loader: String, firmware: Machine.Firmware, in folder: FilePath) throws {
        self.folder = folder
        try Files.makeFolder(folder)
        try Machine.need(
            run(
                ["/usr/bin/qemu-img", "convert", "-O", "raw", fixture.disk(loader).string, "\(folder)/disk"],
                timeout: 300))
        disk = try HostDisk(reading: folder.appending("disk"))
        let releases = try OwnReleases()
        try releases.fixture.deriveKernel("3", padding: 1024)
        try Machine.need(run(["/bin/cp", "-a", releases.fixture.origin.string, origin.string], timeout: 300))
        try recordSessions(firmware)
        try keep()
    }

    private mutating func recordSessions(_ firmware: Machine.Firmware) throws {
        let origin = origin
        try record(firmware) { machine in
            _ = try machine.waitUntilStarted()
            try machine.run(Self.changes)
            return []
        }
        try record(firmware) { machine in
            _ = try machine.waitUntilStarted()
            return [try Self.upgrade(machine, Self.upgrade, to: "2", from: "1", origin)]
        } off: {
            (Self.finalize, "1", "2", Self.completion(of: "2", origin))
        }
        // The last good release is the second now, and the first one goes.
        try record(firmware) { machine in
            let start = try machine.recordedSize
            _ = try machine.waitUntilStarted()
            let good = Step(Self.firstBoot, start, try machine.recordedSize, "2", "2", [])
            return [good, try Self.upgrade(machine, Self.second(Self.upgrade), to: "3", from: "2", origin)]
        } off: {
            (Self.second(Self.finalize), "2", "3", Self.completion(of: "3", origin))
        }
        try record(firmware) { machine in
            _ = try machine.waitUntilStarted()
            return [
                try Self.step(machine, "cleanup", "hostctl cleanup", ("3", "3"), [["cleanup"]]),
                try Self.step(machine, "rollback", "hostctl rollback", ("3", "2"), [["rollback"]]),
            ]
        }
    }

    /// What is staged is not downloaded again, and waits for the next shutdown.
    private static func completion(of release: String, _ origin: FilePath) -> [[String]] {
        [["upgrade", "--version", release, "--from", origin.string], ["finalize"]]
    }

    private static func upgrade(
        _ machine: Machine, _ name: String, to release: String, from old: String, _ origin: FilePath
    ) throws -> Step {
        try step(
            machine, name, "hostctl upgrade --version \(release) --progress none", (old, old),
            completion(of: release, origin), completed: release)
    }

    private struct Step {
        let name: String
        let (start, end): (Int, Int)
        let (old, new): (String, String)
        let again: [[String]]
        let completed: String

        init(
            _ name: String, _ start: Int, _ end: Int, _ old: String, _ new: String, _ again: [[String]],
            completed: String? = nil
        ) {
            (self.name, self.start, self.end, self.old, self.new, self.again) = (name, start, end, old, new, again)
            self.completed = completed ?? new
        }
    }

    private static func step(
        _ machine: Machine, _ name: String, _ script: String, _ states: (String, String), _ again: [[String]],
        completed: String? = nil
    ) throws -> Step {
        let start = try machine.recordedSize
        try machine.run("\(script) && sync", timeout: 600)
        return Step(name, start, try machine.recordedSize, states.0, states.1, again, completed: completed)
    }

    // MARK: what is kept

    private var list: FilePath { folder.appending("phases") }

    /// A host that was recorded before into a folder that was kept; `nil` when it was not, or not to its end.
    init?(keptIn folder: FilePath) throws {
        guard let bytes = try Files.readIfPresent(folder.appending("phases"), limit: 1 << 20) else { return nil }
        self.folder = folder
        disk = try HostDisk(reading: folder.appending("disk"))
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 8, let numbers = fields[1...3].map({ Int($0) }) as? [Int] else { return nil }
            let again = fields[6].split(separator: ";").map { $0.split(separator: " ").map(String.init) }
            phases.append(
                Phase(
                    name: fields[0], session: numbers[0], range: numbers[1]..<numbers[2], old: fields[4],
                    new: fields[5], again: again, completed: fields[7]))
        }
        logs = try (0...(phases.map(\.session).max() ?? 0)).map { session in
            try WriteLog(reading: folder.appending("log-\(session)"))
        }
    }

    private func keep() throws {
        let lines = phases.map { phase in
            let again = phase.again.map { $0.joined(separator: " ") }.joined(separator: ";")
            let numbers = "\(phase.session)\t\(phase.range.lowerBound)\t\(phase.range.upperBound)"
            return "\(phase.name)\t\(numbers)\t\(phase.old)\t\(phase.new)\t\(again)\t\(phase.completed)\n"
        }
        try Files.replace(list, with: Array(lines.joined().utf8))
    }

    private mutating func record(
        _ firmware: Machine.Firmware, _ work: (Machine) throws -> [Step],
        off last: () -> (name: String, old: String, new: String, again: [[String]])? = { nil }
    ) throws {
        let session = logs.count
        try Machine.need(run(["/bin/cp", "--sparse=always", raw.string, before(session).string], timeout: 300))
        let machine = try Machine(recording: raw, in: log(session), firmware: firmware, origin: origin)
        try machine.boot()
        var steps = try work(machine)
        let start = try machine.recordedSize
        try machine.switchOff()
        if let last = last() { steps.append(Step(last.name, start, .max, last.old, last.new, last.again)) }
        let log = try WriteLog(reading: log(session))
        phases += steps.map { step in
            let range = log.entry(after: step.start)..<log.entry(after: step.end)
            return Phase(
                name: step.name, session: session, range: range, old: step.old, new: step.new, again: step.again,
                completed: step.completed)
        }
        logs.append(log)
    }
}
