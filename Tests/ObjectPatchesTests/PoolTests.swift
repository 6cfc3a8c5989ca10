import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import ObjectPatches

/// A pool in memory.
struct BuiltPool {
    let index: PatchIndex
    let parts: [[UInt8]]

    init(index: PatchIndex, parts: [[UInt8]]) { (self.index, self.parts) = (index, parts) }

    init(_ builder: PoolBuilder, workers: Int = Workers.processorCount) throws {
        var parts: [[UInt8]] = []
        index = try builder.build(workers: workers) { parts.append($0) }
        self.parts = parts
    }
}

/// A host's store with an earlier release, a build store with a later one, and the pool from one to the other.
struct PatchedRelease {
    let temporary: TemporaryFolder
    let builds: Store
    let host: Store
    let base: Checksum
    let commit: Checksum
    var pool: BuiltPool

    init(_ before: TreeFolder, _ after: TreeFolder) throws {
        temporary = try TemporaryFolder(inMemory: true)
        builds = try Store.create(at: temporary.path.appending("builds"), mode: .bare)
        host = try Store.create(at: temporary.path.appending("host"), mode: .bare)
        base = try Self.commit(before, to: builds)
        _ = try Self.commit(before, to: host)
        commit = try Self.commit(after, to: builds)
        pool = try BuiltPool(PoolBuilder(commit, from: [base], stores: [builds]))
    }

    static func commit(_ tree: TreeFolder, to store: Store) throws -> Checksum {
        let stored = try store.ingest(tree, workers: 2)
        return try store.write(
            commit: Commit(
                metadata: [:], subject: "", timestamp: 1_700_000_000, rootTree: stored.rootTree,
                rootMetadata: stored.rootMetadata), ref: "demo")
    }

    /// Makes every object of the index on the host, and the commit.
    func apply() throws {
        let transaction = try StoreTransaction(host)
        let applier = PatchApplier(transaction, pool.index)
        for object in pool.index.objects { try make(object, applier) }
        try transaction.write(.commit, builds.commitBytes(commit))
        try transaction.commit(refs: ["demo": commit])
    }

    func make(_ object: PatchIndex.Object, _ applier: PatchApplier) throws {
        let alternative = try #require(object.alternatives.first)
        let reader = PartReader()
        try applier.begin(object, alternative)
        for part in alternative.parts {
            try pool.parts[part].withUnsafeBytes { try reader.load($0, as: pool.index.parts[part]) }
            try reader.skip(to: part == alternative.part ? alternative.entry : 0)
            try applier.append(entryOf: reader)
        }
        try applier.finish()
    }
}

func entry(_ bytes: [UInt8], _ permissions: UInt32 = 0o644, attributes: [ExtendedAttribute] = []) -> TreeEntry {
    .file(
        TreeFile(
            attributes: FileAttributes(permissions: permissions, extendedAttributes: attributes),
            content: .bytes(bytes)))
}

@Suite struct PoolTests {
    /// Two releases with every kind of change; with a `large` file that no part can hold.
    private func trees(large: Int = 0) throws -> (TreeFolder, TreeFolder) {
        var data = SampleData(seed: 31)
        let (before, after) = (TreeFolder(), TreeFolder())
        let code = data.code(60_000)
        let changelog = data.text(90_000)
        let zip = { (bytes: [UInt8]) in try run(["/usr/bin/gzip", "-n", "-9", "-c"], input: bytes).output }
        before["usr/bin/same"] = entry(code)
        after["usr/bin/same"] = entry(code)
        before["usr/bin/edited"] = entry(data.edited(code, changes: 3))
        after["usr/bin/edited"] = entry(data.edited(code, changes: 30))
        before["usr/lib/modules/6.1.0-50/a.ko"] = entry(code + [1])
        after["usr/lib/modules/6.1.0-56/a.ko"] = entry(data.edited(code, changes: 10))
        before["usr/lib/libx.so.1.2.3"] = entry(code + [2])
        after["usr/lib/other/libx.so.1.3.0"] = entry(data.edited(code, changes: 5))
        before["usr/share/doc/changelog.gz"] = entry(try zip(changelog))
        after["usr/share/doc/changelog.gz"] = entry(try zip(data.text(300) + changelog))
        before["usr/bin/tool"] = entry(code + [3])
        after["usr/bin/tool"] = entry(code + [3], 0o4755)
        let capability = ExtendedAttribute(name: Array("user.test".utf8), value: [1, 2, 3])
        after["usr/bin/capable"] = entry(code + [4], 0o755, attributes: [capability])
        before["usr/lib/link"] = .link(TreeLink(target: "a"))
        after["usr/lib/link"] = .link(TreeLink(target: "b/c"))
        after["usr/share/new"] = entry(data.random(100_000))
        after["usr/share/empty"] = entry([])
        if large > 0 { after["usr/share/large"] = entry(data.random(large)) }
        return (before, after)
    }

    @Test("every kind of change is made again, and stock ostree finds the store whole")
    func everyKind() throws {
        let (before, after) = try trees(large: 17 << 20)
        let release = try PatchedRelease(before, after)
        try release.apply()
        let fsck = try run(["/usr/bin/ostree", "fsck", "--repo=\(release.host.path)", "--quiet"], timeout: 120)
        #expect(fsck.status == 0, "\(fsck.errorText)")
        let index = release.pool.index
        // The large file goes over several parts, the changelog is differenced inflated.
        #expect(index.objects.contains { $0.alternatives[0].partCount > 2 })
        #expect(index.objects.contains { $0.spans.count == 1 && !$0.alternatives[0].sources.isEmpty })
        #expect(release.pool.parts.reduce(0) { $0 + $1.count } < 18 << 20)
        #expect(index.poolBytes(from: release.base) == index.poolSize)
    }

    @Test("the same releases give the same pool, however many threads make it")
    func reproducible() throws {
        let (before, after) = try trees()
        let release = try PatchedRelease(before, after)
        for workers in [1, 5] {
            let again = try BuiltPool(
                PoolBuilder(release.commit, from: [release.base], stores: [release.builds]), workers: workers)
            #expect(again.index.frame() == release.pool.index.frame())
            #expect(again.parts == release.pool.parts)
        }
    }

    @Test("hosts at two earlier releases share what fits both, and fetch nothing for the other")
    func twoBases() throws {
        var data = SampleData(seed: 37)
        let common = data.random(40_000)
        let tree = { (files: [String: [UInt8]]) in
            let folder = TreeFolder()
            for (path, bytes) in files { folder[path] = entry(bytes) }
            return folder
        }
        let old = data.random(50_000)
        let middle = data.edited(old, changes: 5)
        let temporary = try TemporaryFolder(inMemory: true)
        let store = try Store.create(at: temporary.path.appending("store"), mode: .bare)
        let first = try PatchedRelease.commit(tree(["a": old, "c": common]), to: store)
        let second = try PatchedRelease.commit(tree(["a": middle, "c": common]), to: store)
        let third = try PatchedRelease.commit(
            tree(["a": data.edited(middle, changes: 5), "c": data.edited(common, changes: 5)]), to: store)
        let pool = try BuiltPool(PoolBuilder(third, from: [second, first], stores: [store]))
        let alternatives = pool.index.objects.filter { $0.name.kind == .file }.map(\.alternatives.count).sorted()
        #expect(alternatives == [1, 2])
        let (near, far) = (pool.index.poolBytes(from: second), pool.index.poolBytes(from: first))
        #expect(try #require(near) < pool.index.poolSize)
        #expect(try #require(far) < pool.index.poolSize)
    }

    @Test("sources are read out of an origin's compressed store as well")
    func fromArchive() throws {
        let (before, after) = try trees()
        let release = try PatchedRelease(before, after)
        let archive = try Store.create(at: release.temporary.path.appending("archive"), mode: .archive)
        for commit in [release.base, release.commit] {
            let transaction = try StoreTransaction(archive)
            _ = try transaction.copy(commit, from: release.builds, workers: 2)
            try transaction.commit()
        }
        let again = try BuiltPool(PoolBuilder(release.commit, from: [release.base], stores: [archive]))
        #expect(again.parts == release.pool.parts)
    }

    @Test("a gzip file tells what it takes when it is inflated, and is not believed more than it can hold")
    func inflatedSize() throws {
        let temporary = try TemporaryFolder(inMemory: true)
        let store = try Store.create(at: temporary.path.appending("store"), mode: .bare)
        let zeros = try GzipFile.compress([UInt8](repeating: 0, count: 1 << 20))
        let cases: [(file: [UInt8], size: Int64?)] = [
            (zeros, 1 << 20), (zeros.dropLast(4) + [255, 255, 255, 255], Int64(zeros.count) * 1032),
            ([1] + zeros.dropFirst(), nil), (Array(zeros.prefix(17)), nil), ([], nil),
        ]
        for (file, size) in cases {
            let tree = TreeFolder()
            tree["a"] = entry(file)
            let commit = try PatchedRelease.commit(tree, to: store)
            var found: Int64?
            try store.forEachObject(of: commit) { name in
                guard name.kind == .file else { return }
                let path = store.path(of: name).string
                found = try GzipContent.announcedSize(of: ObjectStream(name, path: path))
            }
            #expect(found == size, "\(file.prefix(8))")
        }
    }

    @Test("a commit that lacks an object is an error, not a smaller pool")
    func incomplete() throws {
        let (before, after) = try trees()
        let release = try PatchedRelease(before, after)
        let victim = try #require(release.pool.index.objects.first { $0.name.kind == .file })
        try Files.remove(release.builds.path(of: victim.name))
        #expect(throws: StoreError.missing(victim.name)) {
            try BuiltPool(PoolBuilder(release.commit, from: [release.base], stores: [release.builds]))
        }
    }
}
