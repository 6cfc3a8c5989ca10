import Checksums
public import LinuxSystem
public import ObjectFormats
public import ObjectStorage
import Synchronization
public import Transfers

/// What a fetch brought.
public struct FetchFigures: Sendable, Equatable {
    /// Objects that were not here.
    public var objects: Int64 = 0
    /// Their uncompressed bytes.
    public var bytes: Int64 = 0
    /// Bytes that came over the network for them.
    public var downloaded: Int64 = 0
    /// Of the objects, those that were made from patches; the others came whole.
    public var patched: Int64 = 0
    /// Objects that were to be made from patches and could not be.
    public var fallen: Int64 = 0
    /// Why patches were not used, or not for all that they were meant for.
    public var patchFailure: String?
    /// Of the objects, those that came out of the full pack.
    public var packed: Int64 = 0
    /// Objects of releases in between that were made on the way and not kept.
    public var passing: Int64 = 0
    /// The versions of these releases.
    public var through: [String] = []
    /// Of the objects, those that came one by one.
    public var whole: Int64 { objects - patched - packed }

    public init(objects: Int64 = 0, bytes: Int64 = 0) {
        self.objects = objects
        self.bytes = bytes
    }

    /// Adds what another step has brought; the first reason stays.
    public mutating func add(_ other: FetchFigures) {
        objects += other.objects
        bytes += other.bytes
        downloaded += other.downloaded
        patched += other.patched
        fallen += other.fallen
        packed += other.packed
        passing += other.passing
        through += other.through
        patchFailure = patchFailure ?? other.patchFailure
    }
}

/// Fetches what a verified commit needs and the store lacks, over several connections at once.
///
/// Each object is verified before it is staged under its name, so that an interrupted fetch goes on where
/// it stopped. Memory does not grow with the size of files.
///
/// Going on is by whole objects: one that breaks off begins anew. An inflater's state cannot be kept, what has
/// been inflated of it is not verified yet, and most objects are small.
public struct ObjectFetcher: Sendable {
    /// The repository's address, without a slash at the end.
    public let repository: String
    public let options: TransferOptions
    /// How many connections; each has a thread.
    public let connections: Int
    /// The most uncompressed bytes that all fetched files together may have, from signed metadata.
    public let sizeLimit: Int64

    public init(repository: String, options: TransferOptions, connections: Int = 8, sizeLimit: Int64) {
        self.repository = repository
        self.options = options
        self.connections = connections
        self.sizeLimit = sizeLimit
    }

    /// - Parameters:
    ///   - objectCount: how many objects the commit needs, for the progress alone.
    /// - Throws: `TransferError`, `StoreError`, `FormatError`, `SystemError`. What has arrived stays staged.
    public func fetch(
        _ commit: Commit, into transaction: StoreTransaction, objectCount: Int64? = nil,
        progress: @escaping ProgressHandler = { _ in }
    ) throws -> FetchFigures {
        let work = FetchWork(transaction, sizeLimit: sizeLimit, objectCount: objectCount, progress: progress)
        try walk(commit, work)
        FaultPoint.reached("fetch.before-discard")
        // What another run has left here, or was made on the way through other releases, must not enter the store.
        let needed = work.names
        try transaction.discard { $0.kind != .commit && !needed.contains($0) }
        return work.figures.with { $0 }
    }

    /// Fetches a commit's folders alone.
    ///
    /// - Returns: the files that are not here.
    /// - Throws: as `fetch`.
    public func fetchFolders(
        of commit: Commit, into transaction: StoreTransaction, progress: @escaping ProgressHandler = { _ in }
    ) throws -> (figures: FetchFigures, missing: Set<ObjectName>) {
        let work = FetchWork(
            transaction, sizeLimit: sizeLimit, objectCount: nil, isWithoutFiles: true, progress: progress)
        try walk(commit, work)
        let missing = work.names.filter { $0.kind == .file && transaction.location(of: $0) == nil }
        return (work.figures.with { $0 }, missing)
    }

    private func walk(_ commit: Commit, _ work: FetchWork) throws {
        work.addRoot(commit)
        try Workers.run(connections) { _, stop in
            defer { work.queue.close() }
            let worker = FetchWorker(repository, work, Connection(options, stop: stop))
            while !stop.isSet, let name = work.queue.next() {
                try worker.handle(name)
                work.queue.finished()
            }
        }
    }

    /// Fetches objects by their names, whether the store has them or not: what is staged takes the place of what is
    /// there.
    ///
    /// - Returns: those that the origin does not have, or not intact, and why.
    /// - Throws: `TransferError` when the origin cannot be reached, `SystemError`.
    public func refetch(
        _ names: [ObjectName], into transaction: StoreTransaction, progress: @escaping ProgressHandler = { _ in }
    ) throws -> [ObjectName: any ExplainedError] {
        let work = FetchWork(
            transaction, sizeLimit: sizeLimit, objectCount: Int64(names.count), progress: progress)
        transaction.replace(names)
        work.queue.add(names)
        let failures = Guarded<[ObjectName: any ExplainedError]>([:])
        try Workers.run(min(connections, names.count)) { _, stop in
            defer { work.queue.close() }
            let worker = FetchWorker(repository, work, Connection(options, stop: stop))
            while !stop.isSet, let name = work.queue.next() {
                if let failure = try worker.refetch(name) { failures.with { $0[name] = failure } }
                work.queue.finished()
            }
        }
        return failures.with { $0 }
    }
}

/// What all workers share.
private final class FetchWork: Sendable {
    let queue = WorkQueue<ObjectName>()
    let transaction: StoreTransaction
    let figures = Guarded(FetchFigures())
    let budget: SizeBudget
    private let isWithoutFiles: Bool
    private let objectCount: Int64?
    private let progress: ProgressHandler
    private let seen = Guarded(Set<ObjectName>())
    private let done = Atomic<Int64>(0)

    init(
        _ transaction: StoreTransaction, sizeLimit: Int64, objectCount: Int64?, isWithoutFiles: Bool = false,
        progress: @escaping ProgressHandler
    ) {
        self.isWithoutFiles = isWithoutFiles
        self.transaction = transaction
        budget = SizeBudget(UInt64(max(0, sizeLimit)))
        self.objectCount = objectCount
        self.progress = progress
    }

    /// All that the commit needs, once it has been walked.
    var names: Set<ObjectName> { seen.with { $0 } }

    func addRoot(_ commit: Commit) {
        add([ObjectName(commit.rootTree, .dirtree), ObjectName(commit.rootMetadata, .dirmeta)])
    }

    func addChildren(of tree: DirectoryTree) {
        add(tree.folders.flatMap { [ObjectName($0.tree, .dirtree), ObjectName($0.metadata, .dirmeta)] })
        add(tree.files.map { ObjectName($0.checksum, .file) })
    }

    private func add(_ names: [ObjectName]) {
        let new = seen.with { seen in names.filter { seen.insert($0).inserted } }
        queue.add(new.filter { $0.kind == .dirtree }, urgent: true)
        queue.add(new.filter { $0.kind != .dirtree && !(isWithoutFiles && $0.kind == .file) })
    }

    func fetched(bytes: Int64, downloaded: Int64) {
        figures.with {
            $0.objects += 1
            $0.bytes += bytes
            $0.downloaded += downloaded
        }
        FaultPoint.reached("fetch.object")
    }

    func handled() {
        let count = done.wrappingAdd(1, ordering: .relaxed).newValue
        if count % 32 == 0 || count == objectCount {
            progress(ProgressReport("fetching objects", done: count, total: objectCount, unit: .objects))
        }
    }
}

/// One connection and the buffers beside it.
private final class FetchWorker: TransferSink {
    private let objects: String
    private let work: FetchWork
    private let connection: Connection
    private let reader: ArchiveObjectReader
    private var current = ObjectName(SHA256.hash([]), .file)
    /// Bytes that came for it.
    private var received: Int64 = 0

    init(_ repository: String, _ work: FetchWork, _ connection: Connection) {
        objects = repository + "/objects/"
        self.work = work
        self.connection = connection
        reader = ArchiveObjectReader(work.transaction, budget: work.budget)
    }

    func handle(_ name: ObjectName) throws {
        if name.kind == .file {
            if !work.transaction.contains(name) { try fetchFile(name) }
        } else {
            let bytes = try metadata(name)
            if name.kind == .dirtree { work.addChildren(of: try DirectoryTree(decoding: bytes)) }
        }
        work.handled()
    }

    /// - Returns: why the origin cannot give this object; it may have others.
    func refetch(_ name: ObjectName) throws -> (any ExplainedError)? {
        do {
            if name.kind == .file { try fetchFile(name) } else { _ = try fetchMetadata(name, isPresent: true) }
            work.handled()
            return nil
        } catch let error as StoreError {
            return error
        } catch let error as TransferError where error.isMissing {
            return error
        }
    }

    private func metadata(_ name: ObjectName) throws -> [UInt8] {
        let isPresent = work.transaction.contains(name)
        if isPresent, let bytes = try intactMetadata(name) { return bytes }
        return try fetchMetadata(name, isPresent: isPresent)
    }

    private func fetchMetadata(_ name: ObjectName, isPresent: Bool) throws -> [UInt8] {
        try askingTwice {
            let bytes = try connection.bytes(of: objects + name.archivePath, limit: Store.metadataLimit)
            guard work.budget.take(UInt64(bytes.count)) else { throw StoreError.corrupted(name, actual: nil) }
            do {
                try work.transaction.write(
                    name.kind, bytes, expected: name.checksum, replacingDamaged: isPresent)
            } catch {
                work.budget.giveBack(UInt64(bytes.count))
                throw error
            }
            work.fetched(bytes: Int64(bytes.count), downloaded: Int64(bytes.count))
            return bytes
        }
    }

    /// `nil` when it is damaged here: then the origin's takes its place.
    private func intactMetadata(_ name: ObjectName) throws -> [UInt8]? {
        do { return try work.transaction.metadata(name) } catch StoreError.corrupted { return nil }
    }

    private func fetchFile(_ name: ObjectName) throws { try askingTwice { try fetchFileOnce(name) } }

    /// A damaged answer is asked for once more, elsewhere if it can be: a broken proxy is likelier than a broken origin.
    private func askingTwice<Result>(_ body: () throws -> Result) throws -> Result {
        repeat {
            do { return try body() } catch is StoreError {}
        } while connection.askElsewhere()
        return try body()
    }

    private func fetchFileOnce(_ name: ObjectName) throws {
        current = name
        defer { reader.abandon() }
        // Deflate cannot make anything much longer than it was.
        let limit = min(Int64(clamping: work.budget.remaining), .max - (1 << 20)) + (1 << 20)
        try connection.get(objects + name.archivePath, limit: limit, into: self)
        work.fetched(bytes: try reader.finish(), downloaded: received)
    }

    // MARK: TransferSink

    var resumeOffset: Int64 { 0 }
    func restart() {
        reader.begin(current)
        received = 0
    }
    func receive(_ bytes: UnsafeRawBufferPointer) throws {
        received += Int64(bytes.count)
        try reader.append(bytes)
    }
}
