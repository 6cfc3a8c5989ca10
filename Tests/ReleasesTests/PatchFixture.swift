import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases
import SystemPackage
import TestSupport
import Testing
import Transfers

/// A store that has an old tree, the pool that makes a new one of it, and a server between.
final class PatchFixture {
    let folder: TemporaryFolder
    let server: ScriptedServer
    let store: Store
    /// The pool's bytes, as a healthy server has them.
    let pool: [UInt8]
    var index: PatchIndex
    /// The new commit, which is not in the pool.
    private let commit: [UInt8]
    static let poolPath = "release.pool"

    init() throws {
        let template = try Self.template.get()
        folder = try TemporaryFolder(inMemory: true)
        let copied = try run(["/bin/cp", "-a", template.folder.path.appending("host").string, "\(folder.path)/host"])
        guard copied.status == 0 else { throw CopyFailed(errors: copied.errorText) }
        store = try Store(opening: folder.path.appending("host"))
        index = template.index
        commit = template.commit
        pool = template.pool
        try folder.write(Self.poolPath, pool)
        server = try ScriptedServer(serving: folder.path)
    }

    private struct CopyFailed: Error { let errors: String }

    private struct Template: Sendable {
        let folder: TemporaryFolder
        let index: PatchIndex
        let pool: [UInt8]
        let commit: [UInt8]
    }

    /// Made once: finding differences takes longer than copying.
    private static let template = Result {
        let folder = try TemporaryFolder(inMemory: true)
        let builds = try Store.create(at: folder.path.appending("builds"), mode: .bare)
        let host = try Store.create(at: folder.path.appending("host"), mode: .bare)
        let old = try commit(tree(isNew: false), to: builds)
        _ = try commit(tree(isNew: false), to: host)
        let new = try commit(tree(isNew: true), to: builds)
        var pool: [UInt8] = []
        let index = try PoolBuilder(new, from: [old], stores: [builds]).build { pool += $0 }
        atexit { PatchFixture.removeTemplate() }
        return Template(folder: folder, index: index, pool: pool, commit: try builds.commitBytes(new))
    }

    /// A static value's life never ends by itself.
    private static func removeTemplate() {
        do { try Files.removeTree(template.get().folder.path) } catch { print("the template stays: \(error)") }
    }

    // MARK: the trees

    /// Bytes that do not compress, always the same ones.
    static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 32)
        }
    }

    private static func tree(isNew: Bool) -> TreeFolder {
        let tree = TreeFolder()
        for number in 0..<12 {
            var bytes = noise(30_000 + 1000 * number, seed: UInt64(number + 1))
            // The first four stay.
            if isNew, number >= 4 { for place in [100, 5000, 20_000] { bytes[place] ^= 0x55 } }
            tree["usr/lib/\(number)"] = file(bytes)
        }
        if isNew {
            // More than a part holds, without having a source; and enough beside it for a second request.
            tree["usr/share/long"] = file(repeated(24, seed: 7))
            for number in 0..<3 { tree["usr/share/new/\(number)"] = file(repeated(9, seed: UInt64(100 + number))) }
            tree["usr/share/link"] = .link(TreeLink(target: "long"))
        }
        return tree
    }

    private static func repeated(_ count: Int, seed: UInt64) -> [UInt8] {
        Array(repeatElement(noise(400_000, seed: seed), count: count).joined())
    }

    private static func file(_ bytes: [UInt8]) -> TreeEntry {
        .file(TreeFile(attributes: FileAttributes(permissions: 0o644), content: .bytes(bytes)))
    }

    private static func commit(_ tree: TreeFolder, to store: Store) throws -> Checksum {
        let stored = try store.ingest(tree, workers: 1)
        let commit = Commit(
            metadata: [:], subject: "", timestamp: 1_700_000_000, rootTree: stored.rootTree,
            rootMetadata: stored.rootMetadata)
        return try store.write(commit: commit, ref: "demo")
    }

    // MARK: what a host does

    static var impatient: TransferOptions {
        var options = TransferOptions(userAgent: "test")
        options.connectSeconds = 2
        options.stallSeconds = 1
        options.attempts = 2
        options.firstPause = 0.01
        return options
    }

    func plan(_ transaction: StoreTransaction) -> PatchPlan {
        let isHere = { (name: ObjectName) in transaction.location(of: name) != nil }
        return PatchPlan(index, isMissing: { !isHere($0) }, isHere: isHere)
    }

    /// Starts, or goes on with, a download.
    func transaction() throws -> StoreTransaction {
        try StoreTransaction(store, staging: .resumable(folder.path.appending("staging")))
    }

    /// Makes what can be made; what is staged stays for the next call.
    func fetch(wholePoolLimit: Int64 = 0, from url: String? = nil, workers: Int = 2) throws -> PatchFigures {
        let transaction = try transaction()
        let fetcher = PatchFetcher(
            pool: url ?? server.url(of: Self.poolPath), options: Self.impatient, wholePoolLimit: wholePoolLimit,
            workers: workers)
        return try fetcher.fetch(plan(transaction), of: index, into: transaction)
    }

    /// Makes the pool's path misbehave.
    func set(_ behaviour: ServerBehaviour) { server.set(behaviour, for: Self.poolPath) }

    /// The whole pool with one part changed.
    func pool(changing part: Int, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        let start = Int(index.parts[part].offset)
        let range = start..<(start + index.parts[part].storedSize)
        var bytes = Array(pool[range])
        change(&bytes)
        return pool[..<range.lowerBound] + bytes + pool[range.upperBound...]
    }

    // MARK: what has to hold

    /// All that is missing was made.
    func expectAll(_ figures: PatchFigures, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(figures.failed == 0 && figures.failure == nil, "\(figures)", sourceLocation: sourceLocation)
        try expectWhole(sourceLocation: sourceLocation)
    }

    /// After the failure of some, a healthy server brings what is left.
    func expectRecovery(sourceLocation: SourceLocation = #_sourceLocation) throws {
        server.heal()
        try expectAll(fetch(), sourceLocation: sourceLocation)
    }

    private func expectWhole(sourceLocation: SourceLocation) throws {
        let transaction = try transaction()
        let missing = index.objects.filter { transaction.location(of: $0.name) == nil }.map(\.name)
        #expect(missing == [], sourceLocation: sourceLocation)
        try transaction.write(.commit, commit, expected: index.commit)
        try transaction.commit()
        try store.setRef("demo", to: index.commit)
        let result = try run(["/usr/bin/ostree", "fsck", "--quiet", "--repo=\(store.path)"])
        #expect(result.status == 0, "\(result.errorText)", sourceLocation: sourceLocation)
    }
}
