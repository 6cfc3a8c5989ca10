import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import ObjectPatches

/// Full packs: every object of a commit, out of nothing.
@Suite struct PackTests {
    private let folder: TemporaryFolder
    private let store: Store
    private let commit: Checksum

    init() throws {
        folder = try TemporaryFolder(inMemory: true)
        store = try Store.create(at: folder.path.appending("builds"), mode: .bare)
        let tree = TreeFolder()
        for number in 0..<40 { tree["usr/lib/\(number)"] = Self.file(Array("file \(number)".utf8)) }
        tree["usr/lib/empty"] = Self.file([])
        tree["usr/lib/link"] = .link(TreeLink(target: "long"))
        tree["usr/lib/large"] = Self.file((0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) })
        tree["usr/lib/long"] = Self.file((0..<17_000_000).map { UInt8(truncatingIfNeeded: $0 >> 8 &* 31) })
        let stored = try store.ingest(tree, workers: 1)
        commit = try store.write(
            commit: Commit(
                metadata: [:], subject: "", timestamp: 1_700_000_000, rootTree: stored.rootTree,
                rootMetadata: stored.rootMetadata), ref: "demo")
    }

    private static func file(_ bytes: [UInt8]) -> TreeEntry {
        .file(TreeFile(attributes: FileAttributes(permissions: 0o644), content: .bytes(bytes)))
    }

    private func build(workers: Int = 2) throws -> (index: PatchIndex, pack: [UInt8]) {
        var pack: [UInt8] = []
        let index = try PackBuilder(commit, in: store).build(workers: workers) { pack += $0 }
        return (index, pack)
    }

    @Test("an empty host makes every object of a release out of its full pack") func complete() throws {
        let (index, pack) = try build()
        #expect(index.poolSize == Int64(pack.count))
        let read = try PatchIndex(frame: index.frame(), decodedSize: index.encode().count)
        let host = try Store.create(at: folder.path.appending("host"), mode: .bare)
        let transaction = try StoreTransaction(host)
        let applier = PatchApplier(transaction, read)
        let reader = PartReader()
        for object in read.objects {
            try applier.begin(object, object.alternatives[0])
            for part in object.alternatives[0].parts.map({ read.parts[$0] }) {
                let bytes = pack[Int(part.offset)..<(Int(part.offset) + part.storedSize)]
                try bytes.withUnsafeBytes { try reader.load($0, as: part) }
                if part == read.parts[object.alternatives[0].part] { try reader.skip(to: object.alternatives[0].entry) }
                try applier.append(entryOf: reader)
            }
            try applier.finish()
        }
        try transaction.write(.commit, store.commitBytes(commit), expected: commit)
        try transaction.commit()
        try host.setRef("demo", to: commit)
        let result = try run(["/usr/bin/ostree", "fsck", "--quiet", "--repo=\(host.path)"])
        #expect(result.status == 0, "\(result.errorText)")
    }

    @Test("a full pack is the same whoever makes it, by however many threads") func reproducible() throws {
        let (one, other) = (try build(workers: 1), try build(workers: 4))
        #expect(one.index == other.index && one.pack == other.pack)
    }

    @Test("a large object can be fetched without any other") func alone() throws {
        let index = try build().index
        for object in index.objects where object.size > 1 << 20 {
            let parts = object.alternatives[0].parts
            let others = index.objects.filter { $0.name != object.name && parts.overlaps($0.alternatives[0].parts) }
            #expect(others.map(\.size) == [])
        }
        #expect(index.objects.contains { $0.alternatives[0].partCount > 2 })
    }

    @Test("folders lie apart from files") func folders() throws {
        let index = try build().index
        let parts = { (isFile: Bool) in
            Set(index.objects.filter { ($0.name.kind == .file) == isFile }.flatMap { Array($0.alternatives[0].parts) })
        }
        #expect(parts(true).isDisjoint(with: parts(false)))
    }

    @Test("a release that has lost an object has no full pack") func damaged() throws {
        var names: [ObjectName] = []
        try store.forEachObject(of: commit) { if $0.kind == .file { names.append($0) } }
        try Files.remove(store.path(of: names[0]))
        #expect(throws: StoreError.missing(names[0])) { try build() }
    }
}
