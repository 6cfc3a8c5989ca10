import Archives
public import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
public import ObjectStorage
import SystemPackage

/// What was written of an image.
public struct ExportedImage: Sendable, Equatable {
    public let commit: Checksum
    /// Files, folders and links, the root included.
    public let entryCount: Int
    /// The sizes of all files, in bytes.
    public let size: Int64
}

/// Writes an image as a tar archive: the same commit gives the same bytes.
///
/// Owners, modes, links and extended attributes (`SCHILY.xattr`) are in it; every time is the commit's. Names of one inode
/// are separate files, for that is what a commit has.
public struct ImageExporter {
    let store: Store
    let writer: TarWriter
    private let buffer: UnsafeMutableRawBufferPointer
    private var entryCount = 0
    private var size: Int64 = 0
}

extension ImageExporter {
    /// Writes the archive of a ref or commit.
    ///
    /// - Parameter write: takes the bytes in order.
    /// - Throws: `StoreError`, also for an object that is damaged; `FormatError`, `SystemError`, what `write` throws.
    public static func export(
        _ name: String, from store: Store, to write: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) throws -> ExportedImage {
        let checksum = try store.resolve(name)
        let commit = try store.commit(checksum)
        let tree = try TreeFolder.load(commit, from: store)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { buffer.deallocate() }
        var exporter = ImageExporter(store: store, writer: TarWriter(write), buffer: buffer)
        try exporter.add(tree, "./", modified: Int64(clamping: commit.timestamp))
        try exporter.writer.finish()
        return ExportedImage(commit: checksum, entryCount: exporter.entryCount, size: exporter.size)
    }

    private mutating func add(_ folder: TreeFolder, _ path: String, modified: Int64) throws {
        try add(path, .folder, folder.attributes, modified)
        for name in folder.sortedNames {
            switch folder.entries[name] {
            case .folder(let child)?: try add(child, "\(path)\(name)/", modified: modified)
            case .link(let link)?:
                try add(path + name, .link(target: Array(link.target.utf8)), link.attributes, modified)
            case .file(let file)?:
                try add(path + name, .file(size: file.size), file.attributes, modified)
                try append(file)
            case nil: break
            }
        }
    }

    private mutating func add(
        _ path: String, _ kind: TarEntry.Kind, _ attributes: FileAttributes, _ modified: Int64
    ) throws {
        entryCount += 1
        try writer.add(
            TarEntry(
                path: Array(path.utf8), kind: kind, permissions: attributes.permissions, uid: attributes.uid,
                gid: attributes.gid, modified: modified,
                attributes: attributes.extendedAttributes.map { .init(name: $0.name, value: $0.value) }))
    }

    /// Verified while it is written: an archive with other content than the commit's must not look like it.
    private mutating func append(_ file: TreeFile) throws {
        guard case .stored(let stored) = file.content else { return }
        size += stored.size
        let name = ObjectName(stored.checksum, .file)
        var hasher = SHA256()
        hasher.update(FileHeader(attributes: file.attributes, content: .regular).checksumPrefix)
        let opened = try Descriptor(opening: stored.path.string, flags: O_RDONLY | O_NOFOLLOW)
        var left = stored.size
        while true {
            let count = try opened.read(into: buffer)
            if count == 0 { break }
            left -= Int64(count)
            guard left >= 0 else { throw StoreError.corrupted(name, actual: nil) }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hasher.update(bytes)
            try writer.append(bytes)
        }
        let actual = hasher.finish()
        guard left == 0, actual == stored.checksum else { throw StoreError.corrupted(name, actual: actual) }
    }
}
