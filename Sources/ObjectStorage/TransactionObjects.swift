import ObjectFormats

/// What a transaction knows of its objects.
struct TransactionObjects {
    /// Claimed by a writer that is not done.
    private var unfinished: Set<ObjectName> = []
    /// Whole, in the staging folder.
    private(set) var staged: Set<ObjectName>
    /// Found in the store, so that nobody writes them; the commit counts on them.
    var present: Set<ObjectName> = []
    /// Damaged in the store: what is staged takes their place.
    var replaced: Set<ObjectName> = []

    init(staged: Set<ObjectName> = []) { self.staged = staged }

    /// Claims an object. `false` when it is staged or someone else writes it.
    mutating func reserve(_ name: ObjectName) -> Bool {
        !staged.contains(name) && unfinished.insert(name).inserted
    }

    /// Gives up a claim.
    mutating func release(_ name: ObjectName) { unfinished.remove(name) }

    /// Says that a claimed object is whole.
    mutating func finish(_ name: ObjectName) {
        unfinished.remove(name)
        staged.insert(name)
    }

    /// Counts on an object no longer. `true` when it was staged.
    mutating func forget(_ name: ObjectName) -> Bool {
        present.remove(name)
        return staged.remove(name) != nil
    }

    /// Whether nobody is writing.
    var isQuiet: Bool { unfinished.isEmpty }
}
