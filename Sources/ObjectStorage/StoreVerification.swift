public import Checksums
import Glibc
public import LinuxSystem
public import ObjectFormats
import Synchronization
import SystemPackage

/// What is wrong with an object of the store.
public struct ObjectProblem: Sendable, Hashable {
    /// The raw values are part of the JSON format.
    public enum Kind: String, Sendable {
        /// It does not have the checksum that names it, or the disk has lost it.
        case damaged = "damaged-object"
        /// A ref or a deployment needs it, and it is not there.
        case missing = "missing-object"
        /// Its permissions, or something that may pass, do not let it be read.
        case unreadable = "unreadable-object"
    }

    public let kind: Kind
    public let name: ObjectName
    /// What was found instead, in a few words.
    public let detail: String
    /// Whether a ref or a deployment needs it, as far as that can be told.
    public let isNeeded: Bool
}

/// The condition of a store: every object hashed, every commit complete.
public struct StoreVerification: Sendable {
    /// Objects that are there.
    public let objects: Int
    /// Bytes that were hashed.
    public let bytes: Int64
    /// In the order of their names.
    public let problems: [ObjectProblem]
    /// The inodes of the objects that are what they should be.
    public let inodes: [ObjectName: UInt64]
    /// What refs and deployments need.
    public let marks: ObjectMarks

    /// Hashes every object of a bare store and walks the trees of `commits`, in parallel.
    ///
    /// - Parameter progress: counts folders of objects.
    /// - Throws: `SystemError` when `objects` itself cannot be read.
    public init(
        of store: Store, commits: some Sequence<Checksum>, workers: Int = Workers.processorCount,
        progress: @escaping ProgressHandler = { _ in }
    ) throws {
        try self.init(
            of: store, commits: commits, hashing: StoreHashing(store, workers: workers, progress: progress),
            workers: workers)
    }

    /// Walks the trees of `commits`, and hashes no object again that was found to be whole.
    ///
    /// - Parameter hashing: of what is there now.
    /// - Throws: `SystemError`.
    public init(
        of store: Store, commits: some Sequence<Checksum>, hashing: StoreHashing,
        workers: Int = Workers.processorCount
    ) throws {
        let marks = try ObjectMarks(of: commits, in: store, workers: workers)
        var problems = hashing.problems.map { problem in
            ObjectProblem(
                kind: problem.kind, name: problem.name, detail: problem.detail,
                isNeeded: marks.needed.contains(problem.name))
        }
        let bad = Set(problems.map(\.name))
        for name in marks.needed where hashing.whole[name] == nil && !bad.contains(name) {
            if marks.optional.contains(name) { continue }
            problems.append(ObjectProblem(kind: .missing, name: name, detail: "it is not there", isNeeded: true))
        }
        self.problems = problems.sorted { $0.name.description < $1.name.description }
        self.marks = marks
        objects = hashing.whole.count + hashing.problems.count
        bytes = hashing.bytes
        inodes = hashing.whole.mapValues(\.inode)
    }
}

/// What the objects of a store hash to, folder by folder. It takes no lock: objects may come and go meanwhile.
public struct StoreHashing: Sendable {
    fileprivate struct Problem: Sendable {
        let kind: ObjectProblem.Kind
        let name: ObjectName
        let detail: String
    }

    /// What a file has that another one of the same name has not, or not all of it.
    fileprivate struct Identity: Sendable, Equatable {
        let inode: UInt64
        let size: Int64
        let time: timespec

        init(_ name: UnsafePointer<CChar>, in folder: Int32, path: @autoclosure () -> String) throws(SystemError) {
            var status = stat()
            try retrying("examine", path()) { fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) }
            (inode, size, time) = (UInt64(status.st_ino), Int64(status.st_size), status.st_mtim)
        }

        static func == (left: Identity, right: Identity) -> Bool {
            left.inode == right.inode && left.size == right.size && left.time.tv_sec == right.time.tv_sec
                && left.time.tv_nsec == right.time.tv_nsec
        }
    }

    /// An object that is what its name says.
    fileprivate struct Whole: Sendable {
        /// 0 for what is no file.
        let inode: UInt64
        let identity: Identity
    }

    private struct Findings: Sendable {
        var whole: [(ObjectName, Whole)] = []
        var problems: [Problem] = []
        var bytes: Int64 = 0
    }

    fileprivate private(set) var whole: [ObjectName: Whole] = [:]
    fileprivate private(set) var problems: [Problem] = []
    fileprivate private(set) var bytes: Int64 = 0

    /// Hashes every object.
    ///
    /// - Parameter progress: counts folders of objects.
    /// - Throws: `SystemError` when `objects` itself cannot be read.
    public init(
        _ store: Store, workers: Int = Workers.processorCount, progress: @escaping ProgressHandler = { _ in }
    ) throws {
        try self.init(store, known: [:], workers: workers, progress: progress)
    }

    /// The same of what is there now: what has come since or taken another's place, and what was not whole, is hashed;
    /// what has gone is dropped.
    ///
    /// - Throws: `SystemError` when `objects` itself cannot be read.
    public func brought(upTo store: Store, workers: Int = Workers.processorCount) throws -> StoreHashing {
        var now = try StoreHashing(store, known: whole, workers: workers, progress: { _ in })
        now.bytes += bytes
        return now
    }

    private init(
        _ store: Store, known: [ObjectName: Whole], workers: Int, progress: @escaping ProgressHandler
    ) throws {
        let folders = try ObjectFolder.all(of: store)
        let all = Guarded<[Findings]>([])
        let next = Atomic(0)
        try Workers.run(workers) { _, stop in
            let worker = HashingWorker(store)
            var mine = Findings()
            while !stop.isSet {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < folders.count else { break }
                try worker.hash(folders[index], known) { name, object in
                    mine.whole.append((name, object))
                } problem: {
                    mine.problems.append($0)
                }
                progress(ProgressReport("verifying objects", done: Int64(index + 1), total: Int64(folders.count)))
            }
            mine.bytes = worker.bytes
            all.with { $0.append(mine) }
        }
        let findings = all.with { $0 }
        whole.reserveCapacity(findings.reduce(0) { $0 + $1.whole.count })
        for part in findings {
            for (name, object) in part.whole { whole[name] = object }
            problems += part.problems
            bytes += part.bytes
        }
    }
}

private final class HashingWorker {
    private let store: Store
    private let verifier = ObjectVerifier()
    private let reader: MetadataReader
    private var metadataBytes: Int64 = 0

    var bytes: Int64 { verifier.bytesRead + metadataBytes }

    init(_ store: Store) {
        self.store = store
        reader = MetadataReader(store)
    }

    /// - Parameter known: objects that were whole before.
    func hash(
        _ folder: ObjectFolder, _ known: [ObjectName: StoreHashing.Whole],
        found: (ObjectName, StoreHashing.Whole) -> Void,
        problem: (StoreHashing.Problem) -> Void
    ) throws {
        let opened = try folder.open()
        try Files.forEachName(in: opened) { name in
            guard case .object(let object) = ObjectEntry(folder: folder.digits, name: name, mode: store.mode),
                let pointer = name.baseAddress?.assumingMemoryBound(to: CChar.self)
            else { return }
            do {
                // Before it is opened: what takes its place meanwhile is another one the next time.
                let identity = try StoreHashing.Identity(pointer, in: opened.raw, path: store.objectPath(object))
                if let before = known[object], before.identity == identity { return found(object, before) }
                found(object, .init(inode: try hash(object, pointer, opened.raw), identity: identity))
            } catch {
                problem(Self.problem(object, error))
            }
        }
    }

    private func hash(_ object: ObjectName, _ name: UnsafePointer<CChar>, _ folder: Int32) throws -> UInt64 {
        guard object.kind == .file else {
            try reader.read(object) { bytes in
                metadataBytes += Int64(bytes.count)
                try Self.requireForm(object, bytes)
            }
            return 0
        }
        let (checksum, inode) = try verifier.checksum(of: name, in: folder, path: store.objectPath(object))
        guard checksum == object.checksum else { throw StoreError.corrupted(object, actual: checksum) }
        return inode
    }

    /// What has the right checksum can still be malformed.
    private static func requireForm(_ object: ObjectName, _ bytes: UnsafeRawBufferPointer) throws {
        switch object.kind {
        case .commit: _ = try Commit(decoding: Array(bytes))
        case .dirmeta: _ = try DirectoryMetadata(decoding: Array(bytes))
        case .dirtree: try DirectoryTree.forEachReference(in: bytes, file: { _ in }, folder: { _, _ in })
        case .file: break
        }
    }

    private static func problem(_ name: ObjectName, _ error: any Error) -> StoreHashing.Problem {
        let explained = error as? any ExplainedError
        if let error = error as? SystemError {
            return .init(kind: error.tellsOfDamage ? .damaged : .unreadable, name: name, detail: error.reason)
        }
        if case StoreError.corrupted(_, let actual?)? = error as? StoreError {
            return .init(kind: .damaged, name: name, detail: "its content has the checksum \(actual)")
        }
        return .init(kind: .damaged, name: name, detail: explained?.reason ?? "\(error)")
    }
}
