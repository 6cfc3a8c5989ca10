import BootLoaders
import LinuxSystem
import Sysroots

/// What is still known about boot entries that are gone or cannot be read: how often their deployments may be tried.
struct LostEntries {
    private let boot: BootSwitch
    private let records: BootRecords
    private let damaged: [EntryListing.DamagedEntry]

    init(_ boot: BootSwitch) throws {
        self.boot = boot
        // Whether a deployment is good is told by its counter, too.
        do { records = try BootRecords.load(boot.paths) } catch is SysrootError { records = BootRecords() }
        damaged = try boot.loader.listing().damaged
    }

    /// The counter for an entry that is made anew; `nil` for a deployment that has proved itself.
    ///
    /// What a boot has said comes first, then the name of the file that the entry was in, then the last report. A
    /// deployment that nothing is known about has one try: it may have used up the others.
    func counter(of name: DeploymentName) -> TryCounter? {
        let tries = boot.configuration.tries
        if records.good == name { return nil }
        if records.reasonAgainst(name) != nil { return TryCounter(left: 0, done: tries) }
        let least = TryCounter(left: 1, done: tries - 1)
        let known = remembered(name) ?? .some(least)
        guard let failing = records.failing, failing.deployment == name else { return known }
        // A report that was written without the boot partition knows no counters.
        let counter = known ?? least
        return TryCounter(
            left: min(counter.left, max(tries - failing.count, 0)), done: max(counter.done, failing.count))
    }

    /// - Returns: no value at all when nothing tells.
    private func remembered(_ name: DeploymentName) -> TryCounter?? {
        if let file = damaged.first(where: { $0.deployment == name.description }) { return .some(file.name.counter) }
        guard let left = StatusFile(boot.paths).triesLeft(of: name) else { return nil }
        return .some(left.map { TryCounter(left: $0, done: max(boot.configuration.tries - $0, 0)) })
    }
}
