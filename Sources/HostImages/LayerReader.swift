import Archives
import LinuxSystem
import ObjectFormats
import ObjectStorage

/// Reads a tar archive into a layer in memory; the content of its files streams into objects.
struct LayerReader {
    let reader: TarReader
    let writer: BareObjectWriter
    /// What lies below, for hard links; they name a file, whatever layer it came with.
    let lower: TreeFolder
    /// Whether `.wh.` names take away what lies below: in layers, not in other archives.
    let hasWhiteouts: Bool
    /// The newest time of a file, in seconds since 1970.
    private(set) var newest: Int64 = 0
    private let root = LayerFolder()

    init(_ reader: TarReader, _ writer: BareObjectWriter, over lower: TreeFolder, hasWhiteouts: Bool) {
        self.reader = reader
        self.writer = writer
        self.lower = lower
        self.hasWhiteouts = hasWhiteouts
    }

    /// Reads the whole archive.
    ///
    /// - Parameters:
    ///   - first: an entry that has been read already, with its content still to come.
    ///   - progress: called with the bytes stored since it was called last.
    /// - Throws: `ArchiveError`, `ImageError.notImportable`, `SystemError`.
    mutating func read(
        first: TarEntry? = nil, progress: (Int64) throws -> Void = { _ in }
    ) throws -> LayerFolder {
        var next = try first ?? reader.next()
        while let entry = next {
            try add(entry)
            if case .file(let size) = entry.kind { try progress(size) }
            next = try reader.next()
        }
        return root
    }

    private mutating func add(_ entry: TarEntry) throws {
        guard let names = TarPath.names(entry.path) else {
            throw ImageError.notImportable(detail: "the path '\(TarPath.text(entry.path))' is not one below its root")
        }
        guard let name = names.last else {
            guard case .folder = entry.kind else { throw ImageError.notImportable(detail: "its root is no folder") }
            root.attributes = Self.attributes(entry)
            return
        }
        if hasWhiteouts, try takesAway(names) { return }
        let parents = names.dropLast()
        guard let made = try self.entry(entry, names) else { return }
        let folder = try root.folder(parents) { try reader.count(entries: 1) }
        if case .folder(let new) = made, case .folder(let present)? = folder[name] {
            present.attributes = new.attributes
        } else {
            try folder.set(name, made)
        }
        if case .file = entry.kind { newest = max(newest, entry.modified) }
    }

    /// `nil` for what is left out: devices of a running system.
    private func entry(_ entry: TarEntry, _ names: [String]) throws -> LayerEntry? {
        let attributes = Self.attributes(entry)
        switch entry.kind {
        case .folder: return .folder(LayerFolder(attributes: attributes))
        case .file(let size):
            writer.begin(FileHeader(attributes: attributes, content: .regular))
            try reader.readContent { try writer.append($0) }
            return .file(TreeFile(attributes: attributes, content: .stored(try writer.finishContent(size: size))))
        case .link(let target):
            guard let text = String(validating: target, as: UTF8.self) else {
                throw refused(names, "its target is not UTF-8")
            }
            return .link(TreeLink(attributes: attributes, target: text))
        case .hardLink(let target): return try earlier(target, names)
        case .characterDevice, .blockDevice, .pipe:
            if RuntimeFolders.contain(names.joined(separator: "/")) { return nil }
            throw refused(names, "it is a device or a named pipe")
        }
    }

    /// The entry that a hard link names, by its path in the archive.
    private func earlier(_ target: [UInt8], _ names: [String]) throws -> LayerEntry {
        guard let path = TarPath.names(target), !path.isEmpty else {
            throw refused(names, "it is a hard link to '\(TarPath.text(target))'")
        }
        switch root.entry(path) {
        case .file(let file)?: return .file(file)
        case .link(let link)?: return .link(link)
        case .folder?: throw refused(names, "it is a hard link to a folder")
        case nil: break
        }
        switch lower.entry(exactly: path) {
        case .file(let file)?: return .file(file)
        case .link(let link)?: return .link(link)
        case .folder?, nil:
            throw refused(names, "it is a hard link to '\(TarPath.text(target))', which does not come before it")
        }
    }

    private func refused(_ names: [String], _ detail: String) -> ImageError {
        .notImportable(detail: "/\(names.joined(separator: "/")): \(detail)")
    }

    private static func attributes(_ entry: TarEntry) -> FileAttributes {
        // ostree does not see an attribute whose value is empty, so it is in no checksum.
        let extended = entry.attributes.filter { !$0.value.isEmpty }.map {
            ExtendedAttribute(name: $0.name, value: $0.value)
        }
        return FileAttributes(
            uid: entry.uid, gid: entry.gid, permissions: Self.permissions(entry), extendedAttributes: extended)
    }

    /// A symbolic link's own are always 0777, whatever an archive says.
    private static func permissions(_ entry: TarEntry) -> UInt32 {
        if case .link = entry.kind { 0o777 } else { entry.permissions }
    }

    // MARK: whiteouts

    /// Whether the path is one of the names by which a layer takes away what lies below it.
    ///
    /// Source: OCI image-spec, `layer.md`, "Whiteouts"; names that begin with `.wh..wh.` are AUFS's own.
    private func takesAway(_ names: [String]) throws -> Bool {
        guard names.contains(where: { $0.hasPrefix(".wh.") }), let name = names.last else { return false }
        if names.contains(where: { $0.hasPrefix(".wh..wh.") && $0 != ".wh..wh..opq" }) { return true }
        let parents = names.dropLast()
        guard !parents.contains(where: { $0.hasPrefix(".wh.") }) else {
            throw refused(names, "it lies below a name that takes something away")
        }
        let folder = try root.folder(parents) { try reader.count(entries: 1) }
        if name == ".wh..wh..opq" {
            folder.isOpaque = true
            return true
        }
        let taken = String(name.dropFirst(".wh.".count))
        guard DirectoryTree.isValidName(taken) else { throw refused(names, "it takes away what cannot be a name") }
        folder.whiteouts.insert(taken)
        return true
    }
}
