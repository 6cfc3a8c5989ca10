import Archives
import LinuxSystem
import ObjectFormats
import ObjectStorage

/// What one archive, or one layer of an image, has at a path.
enum LayerEntry {
    case folder(LayerFolder)
    case file(TreeFile)
    case link(TreeLink)
}

/// A folder of a layer in memory, with what the layer takes away from those below it.
///
/// Names lead from folder to folder and nowhere else: no link is ever followed, and nothing is looked up on a disk.
final class LayerFolder {
    /// `nil` for a folder that is only implied by a path: what is below keeps its attributes.
    var attributes: FileAttributes?
    private(set) var entries: [String: LayerEntry] = [:]
    /// Names that the layers below do not have any more.
    var whiteouts: Set<String> = []
    /// Whether the layers below have nothing here any more.
    var isOpaque = false

    init(attributes: FileAttributes? = nil) { self.attributes = attributes }

    /// The entry with exactly these bytes as its name.
    subscript(name: String) -> LayerEntry? {
        guard let index = entries.index(forKey: name), entries[index].key.utf8.elementsEqual(name.utf8) else {
            return nil
        }
        return entries[index].value
    }

    /// Sets an entry in place of an earlier one of the name.
    ///
    /// - Throws: `ImageError.notImportable` for a name that Unicode takes for the same as another.
    func set(_ name: String, _ entry: LayerEntry) throws(ImageError) {
        try Self.requireSpelling(of: name, in: entries)
        entries[name] = entry
    }

    /// The folder on the way to a path, made where it is missing.
    ///
    /// - Parameter made: called for each folder that is new.
    /// - Throws: `ImageError.notImportable` when something else is in the way, also a link to a folder.
    func folder(_ names: some Collection<String>, made: () throws -> Void) throws -> LayerFolder {
        var current = self
        for name in names {
            switch current[name] {
            case .folder(let next)?: current = next
            case nil:
                try made()
                let next = LayerFolder()
                try current.set(name, .folder(next))
                current = next
            case .file?, .link?:
                throw ImageError.notImportable(
                    detail: "\(names.joined(separator: "/")) leads through '\(name)', which is no folder")
            }
        }
        return current
    }

    /// The entry at a path; links are not followed.
    func entry(_ names: [String]) -> LayerEntry? {
        var current = self
        for name in names.dropLast() {
            guard case .folder(let next)? = current[name] else { return nil }
            current = next
        }
        return names.last.flatMap { current[$0] }
    }

    /// Swift's dictionary takes two spellings of one character for the same key, and would lose one of two files.
    static func requireSpelling<Value>(
        of name: String, in entries: [String: Value]
    ) throws(ImageError) {
        guard let index = entries.index(forKey: name), !entries[index].key.utf8.elementsEqual(name.utf8) else { return }
        throw .notImportable(detail: "'\(name)' differs from another name only in its Unicode spelling")
    }
}

extension TreeFolder {
    /// Lays a layer over the tree.
    ///
    /// What the layer takes away is taken away first: it never concerns what the layer itself brings.
    /// - Throws: `ImageError.notImportable`.
    func apply(_ layer: LayerFolder) throws(ImageError) {
        if layer.isOpaque { entries.removeAll() }
        for name in layer.whiteouts {
            if let index = entries.index(forKey: name), entries[index].key.utf8.elementsEqual(name.utf8) {
                entries.remove(at: index)
            }
        }
        if let attributes = layer.attributes { self.attributes = attributes }
        for (name, entry) in layer.entries {
            try LayerFolder.requireSpelling(of: name, in: entries)
            switch entry {
            case .file(let file): entries[name] = .file(file)
            case .link(let link): entries[name] = .link(link)
            case .folder(let folder): try apply(folder, as: name)
            }
        }
    }

    private func apply(_ layer: LayerFolder, as name: String) throws(ImageError) {
        if case .folder(let present)? = entries[name] { return try present.apply(layer) }
        // A planted link must not lead what comes later somewhere else, and must not vanish silently either.
        guard entries[name] == nil || layer.attributes != nil else {
            throw .notImportable(detail: "a layer has files below '\(name)', which a layer below made a link or a file")
        }
        let folder = TreeFolder(attributes: layer.attributes ?? FileAttributes(permissions: 0o755))
        try folder.apply(layer)
        entries[name] = .folder(folder)
    }

    /// The entry at a path whose names have exactly these bytes; links are not followed.
    func entry(exactly names: [String]) -> TreeEntry? {
        var current = self
        for (position, name) in names.enumerated() {
            guard let index = current.entries.index(forKey: name),
                current.entries[index].key.utf8.elementsEqual(name.utf8)
            else { return nil }
            let entry = current.entries[index].value
            if position == names.count - 1 { return entry }
            guard case .folder(let next) = entry else { return nil }
            current = next
        }
        return nil
    }
}
