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

    /// Each is an open file, of which a process may have 1024: the most layers of an image, and a few documents.
    static let blobLimit = ImageManifest.layerLimit + 88
    /// What stays free for others on the file system that takes the blobs.
    private static let reserve: Int64 = 64 << 20

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
            if case .file(let size) = entry.kind { try take(entry, size: size, reader) }
            next = try reader.next()
        }
    }

    /// What no layout needs is skipped: an archive says itself how much there is of it.
    private func take(_ entry: TarEntry, size: Int64, _ reader: TarReader) throws {
        guard let names = TarPath.names(entry.path) else {
            throw RegistryError.notALayout(place: name, detail: "it has the path \(TarPath.text(entry.path))")
        }
        if names == ["oci-layout"] || names == ["index.json"] {
            documents[names[0]] = try reader.readContent(limit: OCILayout.documentLimit)
        } else if names.count == 3, names[0] == "blobs", names[1] == "sha256", let digest = Checksum(hex: names[2]) {
            guard blobs.count < Self.blobLimit else {
                throw RegistryError.notALayout(place: name, detail: "it has more than \(Self.blobLimit) blobs")
            }
            blobs[digest] = try spool(reader, size: size)
        }
    }

    private func spool(_ reader: TarReader, size: Int64) throws -> Spool {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
        let space = try FileSystemSpace(at: FilePath(folder)).bytes
        guard size <= space - Self.reserve else {
            throw RegistryError.noSpace(folder: folder, needed: size, available: max(0, space - Self.reserve))
        }
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
