public import Archives
public import Checksums
import Glibc
import LinuxSystem
public import SystemPackage
import TrustMetadata

/// An OCI image layout: `oci-layout`, `index.json` and `blobs/sha256/…`, in a folder or in a tar archive of one.
///
/// Source: OCI image-spec, `image-layout.md`. Nothing is parsed before its size and digest are those that were declared;
/// only `index.json` itself has none.
public struct OCILayout {
    private let files: LayoutFiles

    /// The largest JSON document.
    static let documentLimit = 4 << 20

    /// Opens a folder.
    ///
    /// - Throws: `RegistryError.notALayout`, `SystemError`.
    public init(folder: FilePath) throws { try self.init(files: .folder(folder)) }

    /// Takes the layout out of an archive, whose first entry has been read.
    ///
    /// - Throws: `ArchiveError`, `RegistryError.notALayout`, `SystemError`.
    public init(_ reader: TarReader, first: TarEntry) throws {
        try self.init(files: .spooled(SpooledLayout(reader, first: first)))
    }

    private init(files: LayoutFiles) throws {
        self.files = files
        guard let marker = try files.document("oci-layout", limit: 1 << 16) else {
            throw RegistryError.notALayout(place: files.place, detail: "it has no file 'oci-layout'")
        }
        let version = try JSONFields(strict: marker, what: "oci-layout").string("imageLayoutVersion")
        guard version.hasPrefix("1.") else {
            throw RegistryError.notALayout(place: files.place, detail: "it has the version \(version)")
        }
    }

    /// Whether a folder looks like a layout.
    public static func isLayout(_ folder: FilePath) -> Bool {
        Files.exists(folder.appending("oci-layout")) && Files.exists(folder.appending("index.json"))
    }

    /// Whether an archive whose first entry is this one looks like a layout.
    public static func isLayout(first entry: TarEntry) -> Bool {
        guard let names = TarPath.names(entry.path) else { return false }
        return names == ["oci-layout"] || names == ["index.json"] || names == ["blobs"] || names.first == "blobs"
    }

    /// An image of the layout.
    ///
    /// - Parameters:
    ///   - name: the tag; without one the layout must have one image.
    ///   - platform: which image to take of an index.
    /// - Throws: `RegistryError`, `TrustMetadataError.malformed`, `SystemError`.
    public func image(named name: String?, for platform: Platform) throws -> OCIImage {
        guard let bytes = try files.document("index.json", limit: Self.documentLimit) else {
            throw RegistryError.notALayout(place: files.place, detail: "it has no file 'index.json'")
        }
        let index = try ImageIndex(JSONFields(strict: bytes, what: "index.json", valueLimit: Self.valueLimit))
        let known = index.entries.compactMap(\.referenceName)
        let candidates = index.entries.filter { name == nil || $0.referenceName == name }
        guard !candidates.isEmpty else {
            throw RegistryError.noSuchImage(
                detail: name.map { "\(files.place) has no image '\($0)'" } ?? "\(files.place) has no image",
                known: known)
        }
        var search = Search(platform: platform)
        let found = try candidates.flatMap { try manifests(below: $0, &search, depth: 0) }
        guard let first = found.first else {
            throw RegistryError.noSuchImage(detail: "\(files.place) has no image for \(platform)", known: known)
        }
        guard name != nil || Set(found.map(\.digest)).count == 1 || Set(candidates.map(\.referenceName)).count == 1
        else {
            throw RegistryError.noSuchImage(
                detail: "\(files.place) has several images, and none was named", known: known)
        }
        let manifest = try ImageManifest(document(first, what: "the manifest"))
        let configuration = try ImageConfiguration(document(manifest.configuration, what: "the configuration"))
        guard configuration.platform.system == "linux", configuration.platform.architecture == platform.architecture
        else {
            throw RegistryError.noSuchImage(
                detail: "\(files.place) has an image for \(configuration.platform), not for \(platform)", known: known)
        }
        guard configuration.diffIDs.count == manifest.layers.count else {
            throw RegistryError.unsupported(
                what: "the image",
                detail: "it has \(manifest.layers.count) layers and \(configuration.diffIDs.count) checksums of layers")
        }
        return OCIImage(manifest: manifest, configuration: configuration, digest: first.digest, layout: self)
    }

    /// What was read of indexes for one image. Without it, indexes that name each other many times take forever.
    private struct Search {
        let platform: Platform
        private var seen: Set<Checksum> = []

        private static let documentLimit = 100

        init(platform: Platform) { self.platform = platform }

        /// Whether an index has not been read yet.
        mutating func isNew(_ digest: Checksum) throws -> Bool {
            guard seen.insert(digest).inserted else { return false }
            guard seen.count <= Self.documentLimit else {
                throw RegistryError.unsupported(
                    what: "the image", detail: "it is behind more than \(Self.documentLimit) indexes")
            }
            return true
        }
    }

    /// The images for a platform, in order; the first one is meant.
    private func manifests(
        below entry: ContentDescriptor, _ search: inout Search, depth: Int
    ) throws -> [ContentDescriptor] {
        if let made = entry.platform, made != search.platform { return [] }
        if MediaTypes.manifest.contains(entry.mediaType) { return [entry] }
        guard MediaTypes.index.contains(entry.mediaType), depth < Self.depthLimit, try search.isNew(entry.digest)
        else { return [] }
        let index = try ImageIndex(document(entry, what: "an index"))
        for child in index.entries {
            let found = try manifests(below: child, &search, depth: depth + 1)
            if !found.isEmpty { return found }
        }
        return []
    }

    /// Indexes in indexes.
    private static let depthLimit = 3
    private static let valueLimit = 1 << 16

    /// A blob that is a JSON document, verified, then parsed.
    private func document(_ descriptor: ContentDescriptor, what: String) throws -> JSONFields {
        guard descriptor.size <= Self.documentLimit else {
            throw RegistryError.unsupported(what: what, detail: "it declares \(descriptor.size) bytes")
        }
        let file = try open(descriptor)
        let bytes = try file.readToEnd(limit: Int(descriptor.size))
        guard bytes.count == Int(descriptor.size), SHA256.hash(bytes) == descriptor.digest else {
            throw RegistryError.blobMismatch(digest: descriptor.digestText, detail: "its bytes are others")
        }
        return try JSONFields(strict: bytes, what: what, valueLimit: Self.valueLimit)
    }

    /// A blob of the declared size.
    fileprivate func open(_ descriptor: ContentDescriptor) throws -> Descriptor {
        guard let file = try files.open(descriptor.digest) else {
            throw RegistryError.missingBlob(digest: descriptor.digestText, place: files.place)
        }
        let size = Int64(try file.status().st_size)
        guard size == descriptor.size else {
            throw RegistryError.blobMismatch(
                digest: descriptor.digestText, detail: "it has \(size) bytes instead of \(descriptor.size)")
        }
        return file
    }
}

/// An image in a layout.
public struct OCIImage {
    public let manifest: ImageManifest
    public let configuration: ImageConfiguration
    /// The manifest's.
    public let digest: Checksum
    let layout: OCILayout

    /// Reads one layer's tar.
    ///
    /// The blob is hashed before its first byte is decompressed or parsed; then once more while it is read, because a file
    /// can change in between, and so is the tar that comes out.
    /// - Parameters:
    ///   - index: 0 is the lowest.
    ///   - body: reads the tar, as far as it likes.
    /// - Throws: `RegistryError.blobMismatch`, `ArchiveError`; what `body` throws.
    public func readLayer(_ index: Int, _ body: (any ByteSource) throws -> Void) throws {
        let descriptor = manifest.layers[index]
        let file = FileSource(try layout.open(descriptor))
        try HashedSource(file, expected: descriptor.digest, what: descriptor.digestText).finish()
        try file.rewind()
        let blob = HashedSource(file, expected: descriptor.digest, what: descriptor.digestText)
        let tar = HashedSource(
            try DecompressedSource(blob), expected: configuration.diffIDs[index],
            what: "sha256:\(configuration.diffIDs[index]) (the layer \(descriptor.digestText), decompressed)")
        try body(tar)
        try tar.finish()
        try blob.finish()
    }
}
