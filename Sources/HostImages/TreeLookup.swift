import ObjectStorage

/// Finds what paths lead to in a tree, as the running host would: links are followed, and never out of the tree.
struct TreeLookup {
    let tree: TreeFolder

    /// Where a path leads.
    enum Destination {
        case entry(TreeEntry)
        case nothing
        /// Into a folder that is filled while the host runs, where nobody can tell.
        case runtime
    }

    /// - Parameter path: absolute, or relative to the root.
    func destination(_ path: String) -> Destination {
        var pending = path.split(separator: "/").reversed().map(String.init)
        var folders: [TreeFolder] = []
        var links = 0
        while let name = pending.popLast() {
            if name == "." { continue }
            if name == ".." {
                _ = folders.popLast()
                continue
            }
            let current = folders.last ?? tree
            if folders.isEmpty, Self.runtimeFolders.contains(name) { return .runtime }
            switch current.entries[name] {
            case nil: return .nothing
            case .folder(let folder)?: folders.append(folder)
            case .file(let file)?:
                return pending.allSatisfy { $0 == "." } ? .entry(.file(file)) : .nothing
            case .link(let link)?:
                links += 1
                // The kernel's own limit.
                if links > 40 { return .nothing }
                if link.target.hasPrefix("/") { folders = [] }
                pending += link.target.split(separator: "/").reversed().map(String.init)
            }
        }
        return .entry(.folder(folders.last ?? tree))
    }

    /// The file that a path leads to.
    func file(_ path: String) -> TreeFile? {
        guard case .entry(.file(let file)) = destination(path) else { return nil }
        return file
    }

    private static let runtimeFolders: Set<String> = ["dev", "proc", "sys", "run", "tmp", "var", "boot", "sysroot"]
}
