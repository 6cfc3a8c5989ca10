import Glibc
import ObjectStorage

/// The stage after the hooks: what the recipe does not keep leaves the tree, in memory.
///
/// No script of a package runs: what it has would need the very tools that go, and only undo what the tree is for.
struct RemovalStage {
    let tree: TreeFolder
    let removals: [Removal]
    /// Paths of removed packages where hooks or the recipe's own files have put something else, which stays.
    let replaced: Set<String>

    /// What was removed, by path, with the removal in words: `the package apt (removals.conf:3)`.
    typealias Removed = [String: String]

    /// - Throws: `ImageError.removalsMatchNothing` with all of them, `SystemError`.
    func run() throws -> Removed {
        var removed = Removed(), unmatched: [String] = []
        if removals.isEmpty { return removed }
        try removePackages(&removed, &unmatched)
        for removal in removals {
            for pattern in removal.paths where !removePath(pattern, removal, &removed) {
                unmatched.append("\(removal.place): \(pattern)")
            }
        }
        guard unmatched.isEmpty else { throw ImageError.removalsMatchNothing(unmatched) }
        return removed
    }

    // MARK: packages

    private func removePackages(_ removed: inout Removed, _ unmatched: inout [String]) throws {
        let files = try PackageFiles(of: tree)
        var going: [String: Removal] = [:]
        for removal in removals {
            for package in removal.packages {
                if files.paths[package] == nil { unmatched.append("\(removal.place): \(package)") }
                going[package] = removal
            }
        }
        for (package, removal) in going {
            for path in files.paths[package] ?? [] where !replaced.contains(path) {
                if !files.owners(of: path).allSatisfy({ going[$0] != nil }) { continue }
                if case .folder? = tree[path] { continue }
                guard tree[path] != nil else { continue }
                tree[path] = nil
                removed[path] = "the package \(package) (\(removal.place))"
            }
        }
        removeEmptyFolders(going.keys.flatMap { files.paths[$0] ?? [] }) { path in
            files.owners(of: path).allSatisfy { going[$0] != nil }
        }
        try removeRecords(Set(going.keys))
    }

    /// Folders of the packages that have nothing in them any more, the deepest first.
    private func removeEmptyFolders(_ paths: [String], _ mayGo: (String) -> Bool) {
        for path in Set(paths).sorted(by: { $0.utf8.count > $1.utf8.count }) where mayGo(path) {
            if case .folder(let folder)? = tree[path], folder.entries.isEmpty { tree[path] = nil }
        }
    }

    /// The packages' paragraphs in the database, and the files beside it.
    private func removeRecords(_ packages: Set<String>) throws {
        guard let database = tree.folder(at: "var/lib/dpkg"), case .file(let status)? = database.entries["status"]
        else { return }
        let text = String(decoding: try status.read(limit: 64 << 20), as: UTF8.self)
        let kept = PackageList.paragraphs(text).filter { !packages.contains(PackageList.name(of: $0)) }
        let bytes = Array(kept.map { "\($0)\n\n" }.joined().utf8)
        database.entries["status"] = .file(TreeFile(attributes: status.attributes, content: .bytes(bytes)))
        guard let info = database.folder(at: "info") else { return }
        // A dot is allowed in a package's name.
        for name in info.sortedNames {
            guard let dot = name.lastIndex(of: ".") else { continue }
            if packages.contains(String(name[..<dot].prefix { $0 != ":" })) { info.entries[name] = nil }
        }
    }

    // MARK: paths

    /// Whether anything matched.
    private func removePath(_ pattern: String, _ removal: Removal, _ removed: inout Removed) -> Bool {
        let parts = pattern.split(separator: "/").map(String.init)
        let kept = removal.kept.map { $0.split(separator: "/").map(String.init) }
        let words = "\(pattern) (\(removal.place))"
        return remove(parts[...], from: tree, below: [], kept, words, &removed)
    }

    /// Whether anything matched.
    private func remove(
        _ parts: ArraySlice<String>, from folder: TreeFolder, below: [String], _ kept: [[String]], _ words: String,
        _ removed: inout Removed
    ) -> Bool {
        guard let part = parts.first else { return false }
        var isFound = false
        for name in folder.sortedNames where fnmatch(part, name, 0) == 0 {
            let path = below + [name]
            if parts.count > 1 {
                guard case .folder(let child)? = folder.entries[name] else { continue }
                if remove(parts.dropFirst(), from: child, below: path, kept, words, &removed) { isFound = true }
            } else if let entry = folder.entries[name] {
                isFound = true
                if clear(entry, path, kept, words, &removed) { folder.entries[name] = nil }
            }
        }
        return isFound
    }

    /// Removes what is in an entry; whether nothing of it has to stay.
    private func clear(
        _ entry: TreeEntry, _ path: [String], _ kept: [[String]], _ words: String, _ removed: inout Removed
    ) -> Bool {
        if kept.contains(where: { matches(path, $0) }) { return false }
        guard case .folder(let folder) = entry else {
            removed[path.joined(separator: "/")] = words
            return true
        }
        for (name, child) in folder.entries where clear(child, path + [name], kept, words, &removed) {
            folder.entries[name] = nil
        }
        return folder.entries.isEmpty
    }

    private func matches(_ path: [String], _ pattern: [String]) -> Bool {
        path.count == pattern.count && zip(pattern, path).allSatisfy { fnmatch($0, $1, 0) == 0 }
    }
}
