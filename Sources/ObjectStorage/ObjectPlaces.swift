public import Checksums
public import ObjectFormats

extension Store {
    /// Where objects are in a commit's tree: one path for each, as `/usr/bin/x`, as far as the tree can be read.
    public func places(of wanted: Set<ObjectName>, in commit: Checksum) -> [ObjectName: String] {
        var found: [ObjectName: String] = [:]
        var seen = Set<Checksum>()
        func note(_ name: ObjectName, _ path: String) {
            if wanted.contains(name), found[name] == nil { found[name] = path.isEmpty ? "/" : path }
        }
        func walk(_ tree: Checksum, _ metadata: Checksum, _ path: String) {
            note(ObjectName(metadata, .dirmeta), path)
            note(ObjectName(tree, .dirtree), path)
            guard seen.insert(tree).inserted, let folder = readable({ try self.tree(tree) }) else { return }
            for file in folder.files { note(ObjectName(file.checksum, .file), "\(path)/\(file.name)") }
            for child in folder.folders { walk(child.tree, child.metadata, "\(path)/\(child.name)") }
        }
        if let root = readable({ try self.commit(commit) }) { walk(root.rootTree, root.rootMetadata, "") }
        return found
    }

    /// What cannot be read names nothing here; it was reported by then.
    private func readable<Value>(_ body: () throws -> Value) -> Value? {
        do { return try body() } catch { return nil }
    }
}
