import SystemPackage

/// systemd-boot: one file of the boot loader specification per entry, in `/loader/entries`.
///
/// systemd-boot itself counts, by renaming the entry's file before it starts it.
public struct SystemdBoot: BootLoader {
    public let partition: BootPartition
    public var kind: LoaderKind { .systemdBoot }

    public init(partition: BootPartition) { self.partition = partition }

    private var folder: EntryFolder {
        EntryFolder(
            partition: partition, folder: partition.root.appending("loader/entries"), suffix: ".conf",
            read: EntryDocument.read)
    }

    public func listing() throws -> EntryListing { try folder.listing() }

    public func check(_ entry: LoaderEntry) throws { try checkForAdding(entry, listing()) }

    public func add(_ entry: LoaderEntry) throws {
        try check(entry)
        try folder.add(entry.name, Array(EntryDocument.text(of: entry).utf8))
    }

    public func remove(generation: Int) throws {
        let listing = try listing()
        try checkOthers(than: generation, in: listing)
        try folder.remove(generation, unless: listing.foreign)
    }

    public func markGood(generation: Int) throws {
        try folder.setCounter(nil, of: find(generation, in: listing()).name)
    }

    public func markBad(generation: Int) throws {
        let listing = try listing()
        let entry = try find(generation, in: listing)
        if entry.counter?.isExhausted == true { return }
        try checkOthers(than: generation, in: listing)
        try folder.setCounter((entry.counter ?? TryCounter(left: 0, done: 1)).exhausted(), of: entry.name)
    }
}
