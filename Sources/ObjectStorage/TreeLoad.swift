import Checksums
public import ObjectFormats
import SystemPackage

extension TreeFolder {
    /// Reads the tree of a commit in a bare store: names, attributes and links, which are verified, and no content.
    ///
    /// - Throws: `StoreError`, also for a link that is damaged; `FormatError`, `SystemError`.
    public static func load(_ commit: Commit, from store: Store) throws -> TreeFolder {
        guard store.mode == .bare else {
            throw StoreError.notARepository(path: store.path.string, detail: "its files are compressed; use a bare one")
        }
        return try TreeLoad(store: store).folder(commit.rootTree, commit.rootMetadata)
    }
}

private struct TreeLoad {
    let store: Store

    func folder(_ tree: Checksum, _ metadata: Checksum) throws -> TreeFolder {
        let attributes = try DirectoryMetadata(decoding: store.metadata(ObjectName(metadata, .dirmeta))).attributes
        let folder = TreeFolder(attributes: attributes)
        let names = try store.tree(tree)
        for file in names.files { try folder.insert(entry(file.checksum), as: file.name) }
        for child in names.folders {
            try folder.insert(.folder(self.folder(child.tree, child.metadata)), as: child.name)
        }
        return folder
    }

    private func entry(_ checksum: Checksum) throws -> TreeEntry {
        let (header, size) = try store.fileHeader(checksum)
        switch header.content {
        case .link(let target):
            // All that a link has is in memory now. What files hold is verified by who reads it.
            let actual = SHA256.hash(header.checksumPrefix)
            guard actual == checksum else { throw StoreError.corrupted(ObjectName(checksum, .file), actual: actual) }
            return .link(TreeLink(attributes: header.attributes, target: target))
        case .regular:
            let stored = StoredContent(
                checksum: checksum, attributes: header.attributes, path: store.path(of: ObjectName(checksum, .file)),
                size: size)
            return .file(TreeFile(attributes: header.attributes, content: .stored(stored)))
        }
    }
}

extension TreeFolder {
    /// A dirtree may have two names that Unicode takes for the same; a tree in memory cannot.
    fileprivate func insert(_ entry: TreeEntry, as name: String) throws(StoreError) {
        guard entries.updateValue(entry, forKey: name) == nil else {
            throw .unsupportedFile(path: name, detail: "another name differs from it only in its Unicode spelling")
        }
    }
}
