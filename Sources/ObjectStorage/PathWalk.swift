public import Checksums
public import ObjectFormats

extension Store {
    /// Calls `visit` for every file and folder of a commit with its path, in the order of names within a folder, files
    /// first. What is there several times is visited several times. Folders have a path that ends in `/`.
    ///
    /// - Throws: what `visit` throws; `StoreError` when a dirtree is missing or damaged.
    public func forEachPath(of commit: Checksum, _ visit: (String, ObjectName) throws -> Void) throws {
        let root = try self.commit(commit)
        try visitPaths(root.rootTree, root.rootMetadata, "/", visit)
    }

    private func visitPaths(
        _ tree: Checksum, _ metadata: Checksum, _ path: String, _ visit: (String, ObjectName) throws -> Void
    ) throws {
        try visit(path, ObjectName(tree, .dirtree))
        try visit(path, ObjectName(metadata, .dirmeta))
        let folder = try self.tree(tree)
        for file in folder.files { try visit(path + file.name, ObjectName(file.checksum, .file)) }
        for child in folder.folders { try visitPaths(child.tree, child.metadata, "\(path)\(child.name)/", visit) }
    }
}
