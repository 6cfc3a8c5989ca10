/// What happened to an image's packages between two commits. All lists are sorted by name.
public struct PackageDifference: Equatable, Sendable {
    /// A package that is in both, in another version.
    public struct Change: Equatable, Sendable {
        public let name: String
        /// The architecture of the new one.
        public let architecture: String
        public let old: String
        public let new: String

        /// Whether the new version is lower in dpkg's order.
        public var isDowngrade: Bool { DebianVersion(new) < DebianVersion(old) }
    }

    public private(set) var added: [InstalledPackage] = []
    public private(set) var removed: [InstalledPackage] = []
    public private(set) var upgraded: [Change] = []
    public private(set) var downgraded: [Change] = []

    /// Compares two lists. A package is the same when name and architecture are; one that is alone under its name on
    /// both sides may also have changed its architecture.
    public init(from old: [InstalledPackage], to new: [InstalledPackage]) {
        let before = Dictionary(grouping: old, by: \.name)
        let after = Dictionary(grouping: new, by: \.name)
        for name in Set(before.keys).union(after.keys).sorted() { compare(before[name] ?? [], after[name] ?? []) }
    }

    public var isEmpty: Bool { added.isEmpty && removed.isEmpty && upgraded.isEmpty && downgraded.isEmpty }

    private mutating func compare(_ old: [InstalledPackage], _ new: [InstalledPackage]) {
        if old.count == 1, new.count == 1, old[0].version != new[0].version { return add(old[0], new[0]) }
        for package in old {
            let match = new.first { $0.architecture == package.architecture }
            if let match { add(package, match) } else { removed.append(package) }
        }
        added += new.filter { package in !old.contains { $0.architecture == package.architecture } }
    }

    private mutating func add(_ old: InstalledPackage, _ new: InstalledPackage) {
        if old.version == new.version { return }
        let change = Change(name: new.name, architecture: new.architecture, old: old.version, new: new.version)
        if change.isDowngrade { downgraded.append(change) } else { upgraded.append(change) }
    }
}
