/// What is among the boot entries, read tolerantly: one bad file never hides the others.
public struct EntryListing: Sendable, Equatable {
    /// Ours, in the order in which they would be booted: the highest generation first, exhausted ones last. The first
    /// is what boots next if nobody chooses from the menu.
    public var entries: [LoaderEntry]
    /// Files in the folder that are named as ours are but say nothing usable: truncated, empty, edited beyond repair.
    /// No loader boots them; they are removed with their generation alone.
    public var damaged: [DamagedEntry]
    /// Names that are not ours (another system's, written by hand): never changed and never removed.
    public var foreign: [String]

    /// A file that has the name of an entry, and what is wrong with it.
    public struct DamagedEntry: Sendable, Equatable {
        /// The name it has.
        public let name: EntryName
        /// In words, such as "has no line `linux`".
        public let problem: String
        /// The deployment that the rest of the file names, `<stateroot>/<checksum>.<serial>`.
        public var deployment: String?
    }

    init(entries: [LoaderEntry] = [], damaged: [DamagedEntry] = [], foreign: [String] = []) {
        self.entries = entries.sorted(by: Self.precedes)
        self.damaged = damaged
        self.foreign = foreign
    }

    /// The generation for the next entry: one more than any file's, damaged ones included.
    public var nextGeneration: Int {
        max(entries.map(\.generation).max() ?? 0, damaged.map(\.name.generation).max() ?? 0) + 1
    }

    /// Entries that have the same generation as another, as when a file was copied by hand or a counter was removed in
    /// two steps; the one that is booted first stands for all.
    public var duplicates: [LoaderEntry] {
        var seen: Set<Int> = []
        return entries.filter { !seen.insert($0.generation).inserted }
    }

    /// The entry of a generation; of duplicates the one that is booted first.
    public func entry(_ generation: Int) -> LoaderEntry? { entries.first { $0.generation == generation } }

    /// The entries of a deployment, `<stateroot>/<checksum>.<serial>`, in boot order.
    public func entries(of deployment: String) -> [LoaderEntry] { entries.filter { $0.deployment == deployment } }

    /// The kernel folders that entries need.
    public var kernelFolders: Set<String> { Set(entries.map(\.kernelFolder)) }

    private static func precedes(_ one: LoaderEntry, _ other: LoaderEntry) -> Bool {
        let oneIsOut = one.counter?.isExhausted ?? false
        let otherIsOut = other.counter?.isExhausted ?? false
        if oneIsOut != otherIsOut { return otherIsOut }
        if one.generation != other.generation { return one.generation > other.generation }
        // Twins of one generation: the good one first.
        return (one.counter?.left ?? .max, one.name.text) > (other.counter?.left ?? .max, other.name.text)
    }
}
