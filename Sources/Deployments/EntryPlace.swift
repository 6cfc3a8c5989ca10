import BootLoaders
import LinuxSystem
import Sysroots

/// Where an entry that was lost has its place among the others: after those that were tried before it.
struct EntryPlace {
    private let boot: BootSwitch
    private let before: Set<String>
    private let after: Set<String>

    /// - Parameter order: the deployments as they were tried.
    init(of name: DeploymentName, in order: [DeploymentName], _ boot: BootSwitch) {
        self.boot = boot
        let place = order.firstIndex(of: name) ?? 0
        before = Set(order[..<place].map(\.description))
        after = Set(order[place...].map(\.description))
    }

    /// A generation that is free. Where there is none, those that come before get higher ones first, the default in
    /// front, so that it stays the default all the time; their old entries are superseded then.
    ///
    /// - Returns: `nil` for the next one, when nothing comes before.
    /// - Throws: `BootLoaderError`, `SystemError`.
    func generation() throws -> Int? {
        let listing = try boot.loader.listing()
        let uppers = listing.entries.filter { before.contains($0.deployment) }.map(\.generation)
        guard let upper = uppers.min() else { return nil }
        let lower =
            listing.entries.filter { after.contains($0.deployment) && $0.generation < upper }
            .map(\.generation).max() ?? 0
        let taken = Set(listing.entries.map(\.generation) + listing.damaged.map(\.name.generation))
        if let free = (lower + 1..<upper).last(where: { !taken.contains($0) }) { return free }
        return try makeRoom(above: upper, listing)
    }

    private func makeRoom(above lowest: Int, _ listing: EntryListing) throws -> Int {
        let moved = listing.entries.filter { $0.generation >= lowest }.sorted { $0.generation > $1.generation }
        let free = listing.nextGeneration
        for (index, entry) in moved.enumerated() {
            let name = try EntryName(
                stateroot: entry.name.stateroot, generation: free + moved.count - index, counter: entry.counter)
            FaultPoint.reached("repair.before-move")
            try boot.loader.add(entry.with(name))
            FaultPoint.reached("repair.after-move")
        }
        return free
    }
}
