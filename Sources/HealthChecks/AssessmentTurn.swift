import BootLoaders
import Checksums
import Glibc
import LinuxSystem
import Sysroots

/// What an assessment works with while it holds the lock.
struct Turn {
    let paths: SysrootPaths
    let command: String
    let reader: SysrootReader
    let configuration: BootConfiguration
    let loader: any BootLoader
    /// Which boot this is; `nil` when the kernel does not say.
    let boot: String?

    /// A damaged file is begun anew: it must not keep a boot from being assessed.
    var records: BootRecords {
        do { return try BootRecords.load(paths) } catch { return BootRecords() }
    }

    private var now: Int64 { Int64(time(nil)) }

    static func title(_ record: DeploymentRecord) -> String {
        let name = [record.channel, record.version].compactMap { $0 }.joined(separator: " ")
        return name.isEmpty ? record.name.description : name
    }

    /// The one of this index, or the running one.
    func deployment(_ index: Int?) throws -> DeploymentRecord {
        let report = reader.report()
        if let index {
            guard report.listed.indices.contains(index) else { throw BootAssessmentError.unknown(index) }
            return report.listed[index]
        }
        guard let booted = report.booted else { throw BootAssessmentError.notBooted }
        return booted
    }

    /// Remembers a release whose tries are used up; again is fine.
    ///
    /// - Returns: a sentence, the first time.
    func condemn(_ record: DeploymentRecord, _ entry: LoaderEntry) throws -> String? {
        let present = records
        let isKnown = present.reasonAgainst(record.name) != nil && present.failing?.deployment != record.name
        var line: String?
        if !isKnown {
            let done = entry.counter?.done ?? 0
            let failing = present.failing.flatMap { $0.deployment == record.name ? $0.reason : nil }
            let reason = failing ?? "it was started \(done) times and did not come up, nor could it tell why"
            let recorded = try remember(record, reason)
            line = "\(Self.title(record)) is remembered as bad: \(recorded)"
        } else if let reason = present.reasonAgainst(record.name), !isTold(.bad, of: record) {
            try addHistory(.bad, record, reason)
            line = "\(Self.title(record)) is remembered as bad: \(reason)"
        }
        // GRUB's count lies in its environment block; the next entry needs that.
        do { try loader.markBad(generation: entry.generation) } catch BootLoaderError.lastEntry {}
        return line
    }

    /// Puts a release among the bad ones, or only the deployment where the release has come up in another one.
    ///
    /// - Parameter isTrialOver: whether its entry can have no tries any more, so that its failures need not be counted.
    /// - Returns: the reason as it is recorded.
    @discardableResult
    func remember(_ record: DeploymentRecord, _ reason: String, isTrialOver: Bool = true) throws -> String {
        var records = records
        var reason = reason
        if isTrialOver, records.failing?.deployment == record.name { records.failing = nil }
        if records.good == record.name { records.good = nil }
        // What differs from the last good deployment is the host's then, as its kernel arguments and its /etc. When another
        // release is the last good one, this one would be taken again by itself, and fail again.
        if records.good?.checksum == record.checksum {
            reason += "; the release has come up in another deployment, so that only this one is bad"
            records.add(BootRecords.BadDeployment(record.name, time: now, reason: reason))
        } else {
            records.dropFloor(of: record)
            records.add(.init(commit: record.checksum, version: record.version, time: now, reason: reason))
        }
        FaultPoint.reached("bad.before-record")
        try records.save(paths)
        FaultPoint.reached("bad.after-record")
        if !isTold(.bad, of: record) { try addHistory(.bad, record, reason) }
        return reason
    }

    /// See `BootAssessment.fail`.
    func consequence(for booted: DeploymentRecord, _ reason: String) throws -> BootAssessment.Consequence {
        let listing = try loader.listing()
        let entry = listing.entries(of: booted.name.description).first
        let count = try noteFailure(booted, reason)
        guard let entry else { return .stay("no boot entry leads to what runs, so that nothing counts its tries") }
        guard let counter = entry.counter else {
            return .stay("\(Self.title(booted)) has proved itself before, and another restart would not mend it")
        }
        // A loader that cannot count would go round for ever.
        if !counter.isExhausted, count < max(configuration.tries, counter.left + counter.done) {
            return .restart("\(Self.title(booted)) has \(counter.left) tries left")
        }
        return try giveUp(booted, entry, listing, reason)
    }

    /// The same where the entries cannot be read, as in emergency mode. The loader has counted this try all the same, unless
    /// it could not: so it is not relied upon more often than an entry has tries.
    func blindConsequence(for booted: DeploymentRecord, _ reason: String) throws -> BootAssessment.Consequence {
        let count = try noteFailure(booted, reason)
        guard let good = records.good, good != booted.name else {
            return .stay("the boot partition is not mounted, and no other deployment is known to be good")
        }
        guard count <= configuration.tries else {
            return .stay("the boot partition is not mounted, and \(count) restarts have not helped")
        }
        return .restart("\(Self.title(booted)) is on trial")
    }

    /// Remembers why this boot has failed, which counts once, however often it is told.
    ///
    /// - Returns: how often in a row it has.
    private func noteFailure(_ booted: DeploymentRecord, _ reason: String) throws -> Int {
        var records = records
        let before = records.failing.flatMap { $0.deployment == booted.name ? $0 : nil }
        let isTold = boot != nil && before?.boot == boot
        let count = (before?.count ?? 0) + (isTold ? 0 : 1)
        records.failing = .init(deployment: booted.name, time: now, reason: reason, count: count, boot: boot)
        FaultPoint.reached("fail.before-record")
        try records.save(paths)
        FaultPoint.reached("fail.after-record")
        return count
    }

    private func giveUp(
        _ booted: DeploymentRecord, _ entry: LoaderEntry, _ listing: EntryListing, _ reason: String
    ) throws -> BootAssessment.Consequence {
        // Its failures stay counted until the entry has no try: killed between the two, a loader that cannot count would
        // begin another round.
        try remember(booted, reason, isTrialOver: false)
        let others = listing.entries.filter { other in
            other.generation != entry.generation && loader.partition.canTry(other)
        }
        guard let other = others.first else {
            return .stay("no other deployment is left that could boot")
        }
        try loader.markBad(generation: entry.generation)
        FaultPoint.reached("fail.after-entry")
        try forgetFailure(of: booted)
        return .restart("\(Self.title(booted)) has no try left; \(other.title) takes over")
    }

    private func forgetFailure(of record: DeploymentRecord) throws {
        var records = records
        guard records.failing?.deployment == record.name else { return }
        records.failing = nil
        try records.save(paths)
    }

    /// The fallback of a loader that has booted is not needed any more. One whose record is lost is given another boot:
    /// this one may have been started by what was there before.
    func confirmLoader(_ boot: String) throws {
        var records = records
        if let replaced = records.loaderReplacedIn {
            guard try replaced != boot && loader.confirmLoader() else { return }
            records.loaderReplacedIn = nil
        } else {
            guard try loader.hasFallback() else { return }
            records.loaderReplacedIn = boot
        }
        try records.save(paths)
    }

    /// Whether the history's last word on a deployment is this one: a run that was killed may have come to the record
    /// and no further. One that was made anew under the same name has no word yet.
    func isTold(_ action: HistoryEntry.Action, of record: DeploymentRecord) -> Bool {
        let name = record.name.description
        let verdicts: Set<HistoryEntry.Action> = [.good, .bad, .install, .deploy, .stage]
        do {
            let words = try History(paths).entries().filter { $0.deployment == name }.map(\.action)
            return words.last { verdicts.contains($0) } == action
        } catch {
            return true  // A history that cannot be read keeps no boot from being assessed.
        }
    }

    func addHistory(_ action: HistoryEntry.Action, _ record: DeploymentRecord, _ reason: String? = nil) throws {
        var entry = HistoryEntry(
            time: now, command: command, action: action, deployment: record.name.description, version: record.version)
        entry.reason = reason
        try History(paths).add(entry)
    }

    func refreshStatus() throws { try StatusFile(paths).write(reader.report()) }
}
