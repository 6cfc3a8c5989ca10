public import BootLoaders
import Glibc
import LinuxSystem
public import Sysroots
public import SystemPackage

/// Whether deployments come up: what a boot notices, and what is said about it.
///
/// The loader counts tries and chooses; here its counts become memory. `boots.json` is written before the entries: a
/// release that is remembered as bad and still has a try is only refused, while one that is exhausted and not
/// remembered would be taken again.
public struct BootAssessment: Sendable {
    public let paths: SysrootPaths
    private let command: String
    private let host: RunningHost
    private let wait: Double

    /// - Parameters:
    ///   - command: as `hostctl boot mark-good`, for the history and for those who wait.
    ///   - wait: seconds to wait for another hostctl.
    public init(root: FilePath, command: String, wait: Double = 0, host: RunningHost = RunningHost()) {
        paths = SysrootPaths(root: root)
        self.command = command
        self.host = host
        self.wait = wait
    }

    private var boot: String? {
        do { return try host.bootIdentifier() } catch { return nil }
    }

    // MARK: a turn

    /// - Parameter needsPartition: whether nothing can be done without the entries.
    private func turn<Result>(needsPartition: Bool = true, _ body: (Turn) throws -> Result) throws -> Result {
        let reader = SysrootReader(root: paths.root, host: host)
        guard reader.isSysroot else { throw BootAssessmentError.noSysroot(paths.root.string) }
        guard let configuration = try BootConfiguration.load(paths) else {
            throw BootAssessmentError.noBootPartition(paths.root.string)
        }
        try Files.makeFolder(paths.state)
        let holder = "\(command) (pid \(getpid()))"
        let lock = try FileLock(paths.lock, .exclusive, seconds: wait, holder: holder)
        defer { withExtendedLifetime(lock) {} }
        if needsPartition, let problem = BootMount(paths, configuration).problem {
            throw BootAssessmentError.unmounted(problem.text)
        }
        let turn = Turn(
            paths: paths, command: command, reader: reader, configuration: configuration,
            loader: configuration.bootLoader(on: paths.partition), boot: boot)
        return try body(turn)
    }

    /// Notices at the start of a boot which deployments did not come up: those whose tries are used up. Remembers their
    /// releases as bad.
    ///
    /// - Returns: a sentence for each, and about what runs instead; for the journal.
    /// - Throws: `BootAssessmentError`, `LockedError`, `BootLoaderError`, `SysrootError`, `SystemError`.
    public func record() throws -> [String] {
        try turn { turn in
            let report = turn.reader.report()
            guard let booted = report.booted else { return ["what runs is no deployment of this sysroot"] }
            var lines: [String] = []
            for entry in try turn.loader.listing().entries {
                guard entry.counter?.isExhausted == true, entry.deployment != booted.name.description,
                    let record = report.deployments.first(where: { $0.name.description == entry.deployment })
                else { continue }
                if let line = try turn.condemn(record, entry) { lines.append(line) }
            }
            if let next = report.defaultDeployment, next.name != booted.name {
                lines.append("\(Turn.title(booted)) runs, and \(Turn.title(next)) is the default")
            }
            // Also for the tries that are left: should the entries be lost, nothing else tells them.
            try turn.refreshStatus()
            return lines
        }
    }

    /// Remembers that a deployment has proved itself: its entry loses the counter, and no older release of its channel is
    /// taken any more unless somebody asks for that. That of the running boot by default.
    ///
    /// - Parameter index: in the order of `status`.
    /// - Returns: the deployment.
    /// - Throws: as `record`; `BootAssessmentError.unknown`.
    public func markGood(_ index: Int? = nil) throws -> DeploymentRecord {
        try turn { turn in
            let record = try turn.deployment(index)
            guard let entry = try turn.loader.listing().entries(of: record.name.description).first else {
                throw BootAssessmentError.noEntry(Turn.title(record))
            }
            FaultPoint.reached("good.before-entry")
            if entry.counter != nil { try turn.loader.markGood(generation: entry.generation) }
            FaultPoint.reached("good.after-entry")
            var records = turn.records
            records.good = record.name
            records.bad.removeAll { $0.commit == record.checksum }
            records.badDeployments.removeAll { $0.name == record.name }
            if records.failing?.deployment == record.name { records.failing = nil }
            records.raiseFloor(to: record)
            let isNew = records != turn.records || entry.counter != nil
            if isNew {
                try records.save(paths)
                FaultPoint.reached("good.after-record")
            }
            if isNew || !turn.isTold(.good, of: record) {
                try turn.addHistory(.good, record)
                try turn.refreshStatus()
            }
            // Last, as what is wrong with the loader says nothing of the deployment. kexec starts a kernel without any.
            if record.isBooted, try !host.isStartedByKernel() { try turn.confirmLoader(host.bootIdentifier()) }
            return record
        }
    }

    /// Remembers a deployment's release as bad, and leaves its entry no try. That of the running boot by default.
    ///
    /// - Throws: as `record`; `BootAssessmentError.unknown`; `BootLoaderError.lastEntry` when nothing else could boot.
    public func markBad(_ index: Int? = nil, reason: String?) throws -> DeploymentRecord {
        try turn { turn in
            let record = try turn.deployment(index)
            let entries = try turn.loader.listing().entries(of: record.name.description)
            // What the loader refuses must not be remembered either.
            FaultPoint.reached("bad.before-entry")
            for entry in entries.prefix(1) { try turn.loader.markBad(generation: entry.generation) }
            FaultPoint.reached("bad.after-entry")
            try turn.remember(record, reason ?? "it was marked bad by hand")
            try turn.refreshStatus()
            return record
        }
    }

    /// What follows from a failed boot.
    public enum Consequence: Sendable, Equatable {
        /// The host should restart: the same deployment has a try left, or another one takes over.
        case restart(String)
        /// The host stays up, because restarting would not help; the sentence tells why.
        case stay(String)
    }

    /// Says what follows from the failure of this boot, and remembers why it failed.
    ///
    /// A deployment that has proved itself is never left for a failed check: the host stays up and reachable. One on
    /// trial is tried again while the loader has tries for it; then the last good one boots. The host stays when there
    /// is none.
    /// - Parameter reason: one sentence without a full stop.
    /// - Throws: as `record`.
    public func fail(reason: String) throws -> Consequence {
        try turn(needsPartition: false) { turn in
            let report = turn.reader.report()
            guard let booted = report.booted else { return .stay("what runs is no deployment of this sysroot") }
            let isMounted = BootMount(paths, turn.configuration).problem == nil
            let consequence =
                try isMounted ? turn.consequence(for: booted, reason) : turn.blindConsequence(for: booted, reason)
            try turn.refreshStatus()
            return consequence
        }
    }

    /// Notes that the loader was replaced in this boot, so that its fallback is kept until another one has gone well.
    ///
    /// - Throws: as `record`.
    public func noteLoaderUpdate() throws {
        try turn { turn in
            var records = turn.records
            records.loaderReplacedIn = try host.bootIdentifier()
            try records.save(paths)
        }
    }

    /// Runs `body` with the loader, under the lock.
    ///
    /// - Throws: as `record`, and what `body` throws.
    public func withLoader<Result>(_ body: (any BootLoader) throws -> Result) throws -> Result {
        try turn { try body($0.loader) }
    }
}
