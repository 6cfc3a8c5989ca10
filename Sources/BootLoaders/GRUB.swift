import SystemPackage

/// GRUB, on BIOS and on UEFI: a static configuration that is written once, and a snippet per entry in `/hostctl/grub`.
///
/// A snippet's name has the counter that the entry started with. GRUB cannot rename; it counts in its environment block,
/// for the newest entry alone: `hostctl_counting` is the generation, `hostctl_left` and `hostctl_done` its tries. What
/// the block says is put into the names when the host next changes entries, so that no count is lost when a newer entry
/// takes the block.
public struct GRUB: BootLoader {
    public let partition: BootPartition
    public var kind: LoaderKind { .grub }

    public init(partition: BootPartition) { self.partition = partition }

    private var folder: EntryFolder {
        EntryFolder(
            partition: partition, folder: partition.own.appending("grub"), suffix: ".cfg", read: GRUBSnippet.read)
    }
    var environment: GRUBEnvironmentFile { GRUBEnvironmentFile(partition: partition) }

    /// With the counts of the environment block in the place of those that the names have.
    public func listing() throws -> EntryListing {
        let listing = try folder.listing()
        guard let (generation, counter) = try counting() else { return listing }
        let entries = listing.entries.map { entry in
            let isCounted = entry.generation == generation && entry.counter != nil
            return isCounted ? entry.with(entry.name.with(counter)) : entry
        }
        return EntryListing(entries: entries, damaged: listing.damaged, foreign: listing.foreign)
    }

    /// The generation that the environment block counts; `nil` when it counts none, or nothing that makes sense.
    private func counting() throws -> (generation: Int, counter: TryCounter)? {
        let block = try environment.read()
        guard let generation = block["hostctl_counting"].flatMap(TryCounter.number),
            let left = block["hostctl_left"].flatMap(TryCounter.number)
        else { return nil }
        let done = block["hostctl_done"].flatMap(TryCounter.number) ?? 0
        return (generation, TryCounter(left: left, done: done))
    }

    public func check(_ entry: LoaderEntry) throws {
        _ = try GRUBSnippet.text(of: entry)
        try checkForAdding(entry, listing())
    }

    public func add(_ entry: LoaderEntry) throws {
        let text = try GRUBSnippet.text(of: entry)
        try checkForAdding(entry, try listing())
        if entry.counter != nil {
            try environment.prepare()
            // What an entry of the same number has left there, whose file was removed by hand, is not this one's.
            try stopCounting(entry.generation)
        }
        try keepCounts()
        try folder.add(entry.name, Array(text.utf8))
    }

    /// Puts the counts of the environment block into the snippet's name.
    private func keepCounts() throws {
        guard let (generation, counter) = try counting() else { return }
        guard let entry = try folder.listing().entry(generation), entry.counter != nil, entry.counter != counter else {
            return
        }
        try folder.setCounter(counter, of: entry.name)
    }

    public func remove(generation: Int) throws {
        let listing = try listing()
        try checkOthers(than: generation, in: listing)
        try folder.remove(generation, unless: listing.foreign)
        try stopCounting(generation)
    }

    /// The name first: what has no counter is not counted, whatever the block says.
    public func markGood(generation: Int) throws {
        try folder.setCounter(nil, of: find(generation, in: folder.listing()).name)
        try stopCounting(generation)
    }

    public func markBad(generation: Int) throws {
        let present = try listing()
        let entry = try find(generation, in: present)
        let named = try find(generation, in: folder.listing())
        if named.counter?.isExhausted == true { return }
        if entry.counter?.isExhausted != true { try checkOthers(than: generation, in: present) }
        try folder.setCounter((entry.counter ?? TryCounter(left: 0, done: 1)).exhausted(), of: named.name)
        try stopCounting(generation)
    }

    /// Takes a generation out of the environment block; a block that counts another one is left alone.
    private func stopCounting(_ generation: Int) throws {
        var block = try environment.read()
        guard block["hostctl_counting"].flatMap(TryCounter.number) == generation else { return }
        for name in ["hostctl_counting", "hostctl_left", "hostctl_done"] { block[name] = nil }
        try environment.write(block)
    }
}
