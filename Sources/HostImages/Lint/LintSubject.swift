import LinuxSystem
import ObjectFormats
public import ObjectStorage
public import SystemPackage

/// A tree that is checked: an image, or a root filesystem that is to become one.
public struct LintSubject {
    let tree: TreeFolder
    /// What is in the folder on disk and not in the tree, because it cannot be stored.
    let unsupported: [StoreError]

    init(_ tree: TreeFolder, unsupported: [StoreError] = []) {
        self.tree = tree
        self.unsupported = unsupported
    }

    /// A folder on disk.
    ///
    /// - Throws: `SystemError`, `StoreError.unsupportedFile` when it is no folder.
    public init(folder: FilePath) throws {
        guard Files.isFolder(folder) else { throw ImageError.noSource(folder.string) }
        var unsupported: [StoreError] = []
        tree = try TreeFolder.scan(folder) { path in
            ["dev/", "proc/", "sys/"].contains { path.hasPrefix($0) }
        } unsupported: {
            unsupported.append($0)
        }
        self.unsupported = unsupported
    }

    /// An image in a store.
    ///
    /// - Parameter name: a ref or a commit's checksum.
    /// - Throws: `StoreError`, `FormatError`, `SystemError`.
    public init(image name: String, in store: Store) throws {
        self.init(try TreeFolder.load(store.commit(store.resolve(name)), from: store))
    }

    /// Whether it is an image already: a root filesystem that an import would still convert is not, and may have its
    /// kernel in /boot and lack the links of an image.
    var isImage: Bool {
        if PreparedTree.isPrepared(tree) { return true }
        if case .link? = tree.entries["ostree"] { return true }
        return false
    }

    /// Where /etc is: `etc`, or `usr/etc` in an image.
    var etcPath: String { PreparedTree.isPrepared(tree) ? "usr/etc" : "etc" }
    var etc: TreeFolder? { tree.folder(at: etcPath) }

    /// A text file of at most 16 MiB, links followed within the tree; `nil` when there is none.
    ///
    /// - Throws: `SystemError`.
    func text(_ path: String) throws -> String? {
        guard case .found(.file(let file)) = resolve(path) else { return nil }
        return String(decoding: try file.read(limit: 16 << 20), as: UTF8.self)
    }

    /// The lines of the files `*.conf` in folders of settings, later folders' files over earlier ones' of the same name.
    ///
    /// - Throws: `SystemError`.
    func settingLines(_ folders: [String]) throws -> [Substring] {
        var chosen: [String: String] = [:]
        for folder in folders {
            for name in tree.folder(at: folder)?.sortedNames ?? [] where name.hasSuffix(".conf") {
                chosen[name] = "\(folder)/\(name)"
            }
        }
        return try chosen.values.sorted().flatMap { try (text($0) ?? "").split(whereSeparator: \.isNewline) }
    }

    /// Calls `visit` for everything, with absolute paths, folders before what they hold.
    func walk(_ visit: (String, TreeEntry) throws -> Void) rethrows { try walk(tree, "", visit) }

    /// The same for what is below a folder; nothing when there is none.
    func walk(below path: String, _ visit: (String, TreeEntry) throws -> Void) rethrows {
        if let folder = tree.folder(at: path) { try walk(folder, "/\(path)", visit) }
    }

    private func walk(_ folder: TreeFolder, _ path: String, _ visit: (String, TreeEntry) throws -> Void) rethrows {
        for name in folder.sortedNames {
            guard let entry = folder.entries[name] else { continue }
            try visit("\(path)/\(name)", entry)
            if case .folder(let child) = entry { try walk(child, "\(path)/\(name)", visit) }
        }
    }

    // MARK: links

    /// Where a path leads.
    enum Resolution {
        case found(TreeEntry)
        /// Nothing is there.
        case nothing
        /// Into a folder that is filled while the host runs.
        case runtime
    }

    /// Follows a path, and the links on it, inside the tree as a host will have it: with /usr/etc in the place of /etc.
    func resolve(_ path: String) -> Resolution {
        var rest = path.split(separator: "/").map(String.init)[...]
        var place: [String] = []
        var links = 0
        while let name = rest.popFirst() {
            if name == "." { continue }
            if name == ".." {
                _ = place.popLast()
                continue
            }
            place.append(name)
            if place.count == 1, Self.runtime.contains(name) { return .runtime }
            switch entry(place) {
            case .link(let link)?:
                links += 1
                guard links <= 40 else { return .nothing }
                if link.target.hasPrefix("/") { place = [] } else { place.removeLast() }
                rest = link.target.split(separator: "/").map(String.init)[...] + rest
            case .folder?: continue
            case .file(let file)?: return rest.isEmpty ? .found(.file(file)) : .nothing
            case nil: return .nothing
            }
        }
        return entry(place).map { .found($0) } ?? .nothing
    }

    private func entry(_ place: [String]) -> TreeEntry? {
        if place.isEmpty { return .folder(tree) }
        let isMoved = place[0] == "etc" && tree.entries["etc"] == nil
        return tree[(isMoved ? ["usr"] + place : place).joined(separator: "/")]
    }

    private static let runtime: Set<String> = ["run", "proc", "sys", "dev", "tmp", "var"]
}
