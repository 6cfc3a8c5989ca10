import Archives
import Checksums
import Glibc
import LinuxSystem
import SystemPackage

/// Where a layout's files are.
enum LayoutFiles {
    /// In a folder.
    case folder(FilePath)
    /// Taken out of an archive, in files that have no name any more.
    case spooled(SpooledLayout)

    /// A layout's own file, such as `index.json`.
    func document(_ name: String, limit: Int) throws -> [UInt8]? {
        switch self {
        case .folder(let path): try Files.readIfPresent(path.appending(name), limit: limit)
        case .spooled(let layout): layout.documents[name]
        }
    }

    /// A blob from its first byte; `nil` when it is not there.
    func open(_ digest: Checksum) throws -> Descriptor? {
        switch self {
        case .spooled(let layout): return try layout.open(digest)
        case .folder(let path):
            let file = path.appending("blobs/sha256").appending(digest.hex)
            guard Files.exists(file) else { return nil }
            // Neither a link nor a device: what is read is what lies in the layout.
            let opened = try Descriptor(opening: file.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            guard try opened.status().st_mode & S_IFMT == Glibc.S_IFREG else { return nil }
            return opened
        }
    }

    var place: String {
        switch self {
        case .folder(let path): path.string
        case .spooled(let layout): layout.name
        }
    }
}

/// The files of a layout that came as an archive.
///
/// Blobs can stand there in any order and before the index that names them, so they are put aside: in files without a
/// name, that go away with the process. An archive's paths are never used as paths.
final class SpooledLayout {
    let name: String
    private(set) var documents: [String: [UInt8]] = [:]
    private var blobs: [Checksum: Spool] = [:]

    private final class Spool {
        let file: Descriptor
        init(_ file: consuming Descriptor) { self.file = file }
    }

    /// Reads the archive to its end.
    ///
    /// - Parameter first: an entry that has been read already, with its content still to come.
    /// - Throws: `ArchiveError`, `RegistryError.notALayout`, `SystemError`.
    init(_ reader: TarReader, first: TarEntry) throws {
        name = reader.name
        var next: TarEntry? = first
        while let entry = next {
            if case .file = entry.kind { try take(entry, reader) }
            next = try reader.next()
        }
    }

    private func take(_ entry: TarEntry, _ reader: TarReader) throws {
        guard let names = TarPath.names(entry.path) else {
            throw RegistryError.notALayout(place: name, detail: "it has the path \(TarPath.text(entry.path))")
        }
        if names.count == 1 {
            documents[names[0]] = try reader.readContent(limit: OCILayout.documentLimit)
        } else if names.count == 3, names[0] == "blobs", names[1] == "sha256", let digest = Checksum(hex: names[2]) {
            guard blobs.count < 1000 else {
                throw RegistryError.notALayout(place: name, detail: "it has too many blobs")
            }
            blobs[digest] = try spool(reader)
        }
    }

    private func spool(_ reader: TarReader) throws -> Spool {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
        let spool = Spool(try Descriptor(opening: folder, flags: O_RDWR | unnamedFile, mode: 0o600))
        try reader.readContent { try spool.file.write($0) }
        return spool
    }

    func open(_ digest: Checksum) throws -> Descriptor? {
        guard let spool = blobs[digest] else { return nil }
        let copy = try retrying("open", name) { fcntl(spool.file.raw, F_DUPFD_CLOEXEC, 0) }
        let file = Descriptor(adopting: copy, path: "the blob sha256:\(digest)")
        try retrying("rewind", name) { lseek(file.raw, 0, SEEK_SET) }
        return file
    }
}

/// `O_TMPFILE`, a macro of two flags that Swift does not see: a file without a name.
private let unnamedFile: Int32 = 0o20000000 | O_DIRECTORY
