import Archives
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Registries
import SystemPackage

/// A tree that was read from a source, before it is converted.
struct ImportedTree {
    let tree: TreeFolder
    /// When the source was made, in seconds since 1970; `nil` when it does not say.
    let timestamp: UInt64?

    /// Reads a source; what its files hold is staged in the transaction.
    ///
    /// - Throws: `ArchiveError`, `RegistryError`, `ImageError`, `StoreError`, `SystemError`.
    init(
        _ source: ImportSource, for architecture: String, into transaction: StoreTransaction, limits: ArchiveLimits,
        progress: @escaping (Int64) -> Void
    ) throws {
        let reading = SourceReading(
            architecture: architecture, writer: BareObjectWriter(transaction), limits: limits, progress: progress)
        switch source {
        case .folder(let path):
            tree = try TreeFolder.scan(path) { RuntimeFolders.contain($0) }
            timestamp = nil
        case .layout(let path, let tag):
            self = try reading.image(OCILayout(folder: path).image(named: tag, for: reading.platform))
        case .archive(let path, let tag): self = try reading.archive(path, tag)
        }
    }

    init(tree: TreeFolder, timestamp: UInt64?) {
        self.tree = tree
        self.timestamp = timestamp
    }
}

/// How a source is read.
private struct SourceReading {
    let architecture: String
    let writer: BareObjectWriter
    let limits: ArchiveLimits
    let progress: (Int64) -> Void

    var platform: Platform { Platform(machine: architecture) }

    /// A root filesystem, or an OCI layout: the first entry tells.
    func archive(_ path: FilePath?, _ tag: String?) throws -> ImportedTree {
        let reader = TarReader(try DecompressedSource(Self.open(path)), limits: limits)
        guard let first = try reader.next() else { throw ImageError.notImportable(detail: "\(reader.name) is empty") }
        if tag != nil || OCILayout.isLayout(first: first) {
            return try image(OCILayout(reader, first: first).image(named: tag, for: platform))
        }
        var counter = Counter(progress: progress)
        var layer = LayerReader(reader, writer, over: TreeFolder(), hasWhiteouts: false)
        let root = try layer.read(first: first) { counter.add($0) }
        let tree = TreeFolder()
        try tree.apply(root)
        return ImportedTree(tree: tree, timestamp: layer.newest > 0 ? UInt64(layer.newest) : nil)
    }

    private static func open(_ path: FilePath?) throws -> FileSource {
        guard let path else {
            let copy = try retrying("open", "standard input") { fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) }
            return FileSource(Descriptor(adopting: copy, path: "standard input"))
        }
        return FileSource(try Descriptor(opening: path.string))
    }

    /// All layers of an image, the lowest first.
    func image(_ image: OCIImage) throws -> ImportedTree {
        let tree = TreeFolder()
        var counter = Counter(progress: progress)
        var limits = limits
        for index in image.manifest.layers.indices {
            try image.readLayer(index) { source in
                let reader = TarReader(source, limits: limits)
                var layer = LayerReader(reader, writer, over: tree, hasWhiteouts: true)
                try tree.apply(layer.read { counter.add($0) })
                limits = reader.remaining
            }
        }
        return ImportedTree(tree: tree, timestamp: image.configuration.created.flatMap(Timestamps.seconds))
    }
}

/// Adds up what was stored, and tells now and then.
private struct Counter {
    let progress: (Int64) -> Void
    private var sum: Int64 = 0
    private var told: Int64 = 0

    init(progress: @escaping (Int64) -> Void) { self.progress = progress }

    mutating func add(_ bytes: Int64) {
        sum += bytes
        guard sum - told > 4 << 20 else { return }
        told = sum
        progress(sum)
    }
}
