public import Checksums
import Glibc
public import LinuxSystem
public import ObjectFormats
import Synchronization
import SystemPackage

/// The root of a tree that has been stored.
public struct StoredTree: Sendable, Hashable {
    public let rootTree: Checksum
    public let rootMetadata: Checksum
    /// Regular files and links.
    public let fileCount: Int
    /// The sizes of all regular files, in bytes.
    public let size: Int64
    /// The objects of the files and links, one for each.
    public let files: [Checksum]

    public init(
        rootTree: Checksum, rootMetadata: Checksum, fileCount: Int, size: Int64, files: [Checksum] = []
    ) {
        self.rootTree = rootTree
        self.rootMetadata = rootMetadata
        self.fileCount = fileCount
        self.size = size
        self.files = files
    }
}

extension StoreTransaction {
    /// Stages a tree: files by `workers` threads, streaming, then the folders from the bottom up.
    ///
    /// - Parameter progress: called now and then with the bytes stored so far and the bytes of all files.
    /// - Throws: `SystemError`; `StoreError.unsupportedFile` when a file changed its kind meanwhile, for a name that
    ///   would lead out of its folder, and for an empty link; `StoreError.tooLarge` for a folder with too many names.
    public func ingest(
        _ tree: TreeFolder, workers: Int = Workers.processorCount,
        progress: @escaping @Sendable (_ done: Int64, _ total: Int64) -> Void = { _, _ in }
    ) throws -> StoredTree {
        let files = IngestFiles(tree)
        let checksums = try files.store(in: self, workers: workers, progress: progress)
        var next = 0
        let root = try storeFolder(tree, "/", checksums, &next)
        return StoredTree(
            rootTree: root.tree, rootMetadata: root.metadata, fileCount: files.entries.count, size: files.size,
            files: checksums)
    }

    /// In the same order as `IngestFiles` lists the files.
    private func storeFolder(
        _ folder: TreeFolder, _ path: String, _ checksums: [Checksum], _ next: inout Int
    ) throws -> (tree: Checksum, metadata: Checksum) {
        var files: [DirectoryTree.File] = []
        var folders: [DirectoryTree.Folder] = []
        for name in folder.sortedNames {
            guard DirectoryTree.isValidName(name) else {
                throw StoreError.unsupportedFile(path: path + name, detail: "that is no name for a file")
            }
            guard case .folder(let child)? = folder.entries[name] else {
                files.append(.init(name: name, checksum: checksums[next]))
                next += 1
                continue
            }
            let stored = try storeFolder(child, "\(path)\(name)/", checksums, &next)
            folders.append(.init(name: name, tree: stored.tree, metadata: stored.metadata))
        }
        let tree = try write(.dirtree, DirectoryTree(files: files, folders: folders).encode())
        return (tree, try write(.dirmeta, DirectoryMetadata(folder.attributes).encode()))
    }
}

/// The files of a tree in the order in which it is walked, and the work of storing them.
private struct IngestFiles: Sendable {
    enum Entry: Sendable {
        case onDisk(FilePath, FileAttributes)
        case bytes([UInt8], FileAttributes)
        case link(String, FileAttributes)
        case stored(Checksum, size: Int64)
    }

    private(set) var entries: [Entry] = []
    private(set) var size: Int64 = 0

    init(_ tree: TreeFolder) { collect(tree) }

    private mutating func collect(_ folder: TreeFolder) {
        for name in folder.sortedNames {
            switch folder.entries[name] {
            case .folder(let child)?: collect(child)
            case .link(let link)?: entries.append(.link(link.target, link.attributes))
            case .file(let file)?:
                size += file.size
                switch file.content {
                case .onDisk(let path, _): entries.append(.onDisk(path, file.attributes))
                case .bytes(let bytes): entries.append(.bytes(bytes, file.attributes))
                case .stored(let stored) where stored.attributes == file.attributes:
                    entries.append(.stored(stored.checksum, size: stored.size))
                case .stored(let stored): entries.append(.onDisk(stored.path, file.attributes))
                }
            case nil: break
            }
        }
    }

    func store(
        in transaction: StoreTransaction, workers: Int, progress: @escaping @Sendable (Int64, Int64) -> Void
    ) throws -> [Checksum] {
        let results = Guarded([Int: Checksum](minimumCapacity: entries.count))
        let next = Atomic(0)
        let done = Atomic<Int64>(0)
        try Workers.run(workers) { _, stop in
            let writer = BareObjectWriter(transaction)
            var mine: [(Int, Checksum)] = []
            while !stop.isSet {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < entries.count else { break }
                let (checksum, size) = try Self.store(entries[index], writer)
                mine.append((index, checksum))
                let sum = done.wrappingAdd(size, ordering: .relaxed).newValue
                if index % 64 == 0 { progress(sum, self.size) }
            }
            results.with { all in for (index, checksum) in mine { all[index] = checksum } }
        }
        progress(size, size)
        let all = results.with { $0 }
        return entries.indices.compactMap { all[$0] }
    }

    private static func store(_ entry: Entry, _ writer: BareObjectWriter) throws -> (Checksum, Int64) {
        switch entry {
        case .stored(let checksum, let size): return (checksum, size)
        case .link(let target, let attributes):
            writer.begin(FileHeader(attributes: attributes, content: .link(target: target)))
            return (try writer.finish(), 0)
        case .bytes(let bytes, let attributes):
            writer.begin(FileHeader(attributes: attributes, content: .regular))
            try bytes.withUnsafeBytes { try writer.append($0) }
            return (try writer.finish(), Int64(bytes.count))
        case .onDisk(let path, let attributes):
            let file = try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            let status = try file.status()
            guard status.st_mode & S_IFMT == Glibc.S_IFREG else {
                throw StoreError.unsupportedFile(path: path.string, detail: "it is no longer a regular file")
            }
            writer.begin(FileHeader(attributes: attributes, content: .regular))
            try writer.append(contentsOf: file)
            return (try writer.finish(), Int64(status.st_size))
        }
    }
}

extension Store {
    /// Stores a tree and makes its objects durable; nothing names them yet.
    ///
    /// - Throws: as `StoreTransaction.ingest` and `commit`.
    public func ingest(
        _ tree: TreeFolder, workers: Int = Workers.processorCount,
        progress: @escaping @Sendable (_ done: Int64, _ total: Int64) -> Void = { _, _ in }
    ) throws -> StoredTree {
        let transaction = try StoreTransaction(self)
        let stored = try transaction.ingest(tree, workers: workers, progress: progress)
        try transaction.commit()
        return stored
    }

    /// Stores a commit whose tree is there, and points a ref at it before a collector can remove it.
    ///
    /// - Throws: `StoreError.missing` without its root, `SystemError`.
    public func write(commit: Commit, ref: String? = nil) throws -> Checksum {
        let transaction = try StoreTransaction(self)
        for root in [ObjectName(commit.rootTree, .dirtree), ObjectName(commit.rootMetadata, .dirmeta)] {
            guard transaction.contains(root) else { throw StoreError.missing(root) }
        }
        let checksum = try transaction.write(.commit, commit.encode())
        try transaction.commit(refs: ref.map { [$0: checksum] } ?? [:])
        return checksum
    }
}
