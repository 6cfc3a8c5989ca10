public import Checksums
public import ObjectFormats

extension Store {
    /// Calls `visit` for every object that a commit needs, each once, the commit itself last.
    ///
    /// - Throws: what `visit` throws; `StoreError` when a dirtree is missing or damaged.
    public func forEachObject(of commit: Checksum, _ visit: (ObjectName) throws -> Void) throws {
        let root = try self.commit(commit)
        var seen = Set<ObjectName>()
        try visitTree(root.rootTree, root.rootMetadata, &seen, visit)
        try visit(ObjectName(commit, .commit))
    }

    private func visitTree(
        _ tree: Checksum, _ metadata: Checksum, _ seen: inout Set<ObjectName>, _ visit: (ObjectName) throws -> Void
    ) throws {
        let metadataName = ObjectName(metadata, .dirmeta)
        if seen.insert(metadataName).inserted { try visit(metadataName) }
        let treeName = ObjectName(tree, .dirtree)
        guard seen.insert(treeName).inserted else { return }
        let folder = try self.tree(tree)
        for file in folder.files {
            let name = ObjectName(file.checksum, .file)
            if seen.insert(name).inserted { try visit(name) }
        }
        for child in folder.folders { try visitTree(child.tree, child.metadata, &seen, visit) }
        try visit(treeName)
    }

    /// The entry at an absolute or relative path in a commit's tree, links not followed.
    ///
    /// - Returns: the file's checksum, or `nil` when there is no such file.
    /// - Throws: `StoreError`, `FormatError`.
    public func file(at path: String, in commit: Checksum) throws -> Checksum? {
        let parts = path.split(separator: "/").map(String.init)
        guard let name = parts.last else { return nil }
        var folder = try tree(self.commit(commit).rootTree)
        for part in parts.dropLast() {
            guard let next = folder.folders.first(where: { $0.name.utf8.elementsEqual(part.utf8) }) else { return nil }
            folder = try tree(next.tree)
        }
        return folder.files.first { $0.name.utf8.elementsEqual(name.utf8) }?.checksum
    }
}
