import Checksums
public import ObjectFormats

/// Compares the trees of two commits in one store.
///
/// Folders with equal checksums are not looked into, and of files only those with different checksums are examined, so
/// that the work grows with what has changed. A file's content is only read when its attributes are different
/// and its size is not: otherwise the checksums tell.
public final class TreeDifference {
    private let store: Store
    private let visit: (TreeChange) throws -> Void
    private var folderMetadata: [Checksum: DirectoryMetadata] = [:]

    /// - Parameter visit: called for every path that is different, in the order of a walk: what is in a folder
    ///   follows the folder, names are in byte order.
    public init(in store: Store, _ visit: @escaping (TreeChange) throws -> Void) {
        self.store = store
        self.visit = visit
    }

    /// Compares the trees of two commits.
    ///
    /// - Throws: `StoreError` for a missing or damaged object, `FormatError`, `SystemError`; what `visit` throws.
    public func compare(_ old: Commit, with new: Commit) throws {
        try compare(
            Folder(tree: old.rootTree, metadata: old.rootMetadata),
            Folder(tree: new.rootTree, metadata: new.rootMetadata), at: "")
    }

    private struct Folder {
        let tree: Checksum
        let metadata: Checksum
    }

    /// What a name leads to, the name as bytes, because Swift's `==` takes two spellings of one character for the same.
    private struct Child {
        enum Content {
            case file(Checksum)
            case folder(Folder)
        }

        let name: String
        let content: Content

        func precedes(_ other: Child) -> Bool { name.utf8.lexicographicallyPrecedes(other.name.utf8) }
    }

    private func compare(_ old: Folder, _ new: Folder, at path: String) throws {
        if old.metadata != new.metadata {
            let entries = try (entry(old), entry(new))
            try report(path.isEmpty ? "/" : path, entries.0, entries.1, aspects(entries.0, entries.1))
        }
        if old.tree == new.tree { return }
        var before = try children(old)[...]
        var after = try children(new)[...]
        while let first = before.first ?? after.first {
            let mine = before.first ?? first
            let theirs = after.first ?? first
            if after.isEmpty || mine.precedes(theirs) {
                try visitAll(mine, at: path, isNew: false)
                before.removeFirst()
            } else if before.isEmpty || theirs.precedes(mine) {
                try visitAll(theirs, at: path, isNew: true)
                after.removeFirst()
            } else {
                try compare(mine, theirs, at: path)
                before.removeFirst()
                after.removeFirst()
            }
        }
    }

    private func compare(_ old: Child, _ new: Child, at folder: String) throws {
        let path = "\(folder)/\(new.name)"
        switch (old.content, new.content) {
        case (.file(let before), .file(let after)):
            if before != after { try compareFiles(before, after, at: path) }
        case (.folder(let before), .folder(let after)): try compare(before, after, at: path)
        case (.file(let before), .folder(let after)):
            try report(path, entry(before), entry(after), [.type])
            try visitChildren(after, at: path, isNew: true)
        case (.folder(let before), .file(let after)):
            try report(path, entry(before), entry(after), [.type])
            try visitChildren(before, at: path, isNew: false)
        }
    }

    private func compareFiles(_ old: Checksum, _ new: Checksum, at path: String) throws {
        let before = try entry(old)
        let after = try entry(new)
        var aspects = aspects(before, after)
        if before.kind == after.kind, try hasOtherContent(old, before, new, after, isAllElseEqual: aspects.isEmpty) {
            aspects.insert(.content, at: 0)
        }
        try report(path, before, after, aspects)
    }

    private func hasOtherContent(
        _ old: Checksum, _ before: ComparedEntry, _ new: Checksum, _ after: ComparedEntry, isAllElseEqual: Bool
    ) throws -> Bool {
        if isAllElseEqual || before.size != after.size || before.target != after.target { return true }
        return try before.kind == .file && store.contentChecksum(old) != store.contentChecksum(new)
    }

    /// All but the content.
    private func aspects(_ old: ComparedEntry, _ new: ComparedEntry) -> [TreeChange.Aspect] {
        if old.kind != new.kind { return [.type] }
        var aspects: [TreeChange.Aspect] = []
        if old.attributes.permissions != new.attributes.permissions { aspects.append(.mode) }
        if old.attributes.uid != new.attributes.uid || old.attributes.gid != new.attributes.gid {
            aspects.append(.owner)
        }
        if old.attributes.extendedAttributes != new.attributes.extendedAttributes { aspects.append(.attributes) }
        return aspects
    }

    private func visitAll(_ child: Child, at folder: String, isNew: Bool) throws {
        let path = "\(folder)/\(child.name)"
        switch child.content {
        case .file(let checksum): try report(path, entry(checksum), isNew: isNew)
        case .folder(let below):
            try report(path, entry(below), isNew: isNew)
            try visitChildren(below, at: path, isNew: isNew)
        }
    }

    private func visitChildren(_ folder: Folder, at path: String, isNew: Bool) throws {
        for child in try children(folder) { try visitAll(child, at: path, isNew: isNew) }
    }

    private func report(_ path: String, _ entry: ComparedEntry, isNew: Bool) throws {
        try report(path, isNew ? nil : entry, isNew ? entry : nil, [])
    }

    private func report(_ path: String, _ old: ComparedEntry?, _ new: ComparedEntry?, _ aspects: [TreeChange.Aspect])
        throws
    {
        try visit(TreeChange(path: path, old: old, new: new, aspects: aspects))
    }

    /// Files and folders in one list, in byte order.
    private func children(_ folder: Folder) throws -> [Child] {
        let tree = try store.tree(folder.tree)
        var all = tree.files.map { Child(name: $0.name, content: .file($0.checksum)) }
        if tree.folders.isEmpty { return all }
        all += tree.folders.map {
            Child(name: $0.name, content: .folder(Folder(tree: $0.tree, metadata: $0.metadata)))
        }
        return all.sorted { $0.precedes($1) }
    }

    private func entry(_ file: Checksum) throws -> ComparedEntry {
        let (header, size) = try store.fileHeader(file)
        return ComparedEntry(header, size: size)
    }

    /// The same few owners and modes stand in thousands of folders.
    private func entry(_ folder: Folder) throws -> ComparedEntry {
        if let known = folderMetadata[folder.metadata] { return ComparedEntry(known) }
        let metadata = try DirectoryMetadata(decoding: store.metadata(ObjectName(folder.metadata, .dirmeta)))
        folderMetadata[folder.metadata] = metadata
        return ComparedEntry(metadata)
    }
}
