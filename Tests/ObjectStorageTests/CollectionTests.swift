import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

/// What a collection removes and, above all, what it does not.
@Suite struct CollectionTests {
    private let temporary: TemporaryFolder
    private let store: Store

    init() throws {
        temporary = try TemporaryFolder(inMemory: true)
        store = try temporary.store()
        try store.commit(folder("a", "b"), ref: "kept")
        try store.commit(TreeFolder(entries: ["x": .folder(folder("a", "c")), "d": file("d")]), ref: "old")
    }

    @discardableResult
    private func collect(
        _ store: Store? = nil, keeping: [Checksum] = [], isDryRun: Bool = false
    ) throws -> CollectedObjects {
        var space = FreedSpace()
        var collection = StoreCollection(store ?? self.store)
        collection.keeping = keeping
        collection.isDryRun = isDryRun
        collection.workers = 2
        return try collection.run(&space)
    }

    /// Nothing is removed, and the refusal says why.
    private func expectRefusal(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let before = try store.objectFiles()
        let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try collect() }
        guard case .undecidable(let detail, _)? = error else {
            Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
            return
        }
        #expect(detail.contains(text), "\(detail)", sourceLocation: sourceLocation)
        #expect(try store.objectFiles() == before, sourceLocation: sourceLocation)
    }

    @Test("what is left is what ostree prune leaves, and a dry run tells the same numbers")
    func prune() throws {
        let copy = temporary.path.appending("copy")
        try store.setRef("old", to: nil)
        try succeed("/bin/cp", "-a", store.path.string, copy.string)
        let told = try collect(isDryRun: true)
        let before = try store.objectFiles().count
        let done = try collect()
        #expect(told == done)
        #expect(done.objects == before)
        #expect(try store.objectFiles().count == before - done.removed)
        #expect(done.removed == 5)
        try ostree("--repo=\(copy)", "prune", "--refs-only")
        #expect(try store.objectFiles() == Store(opening: copy).objectFiles())
        try ostree("--repo=\(store.path)", "fsck")
    }

    @Test("refs of remotes and of mirrored collections keep objects, and so does what the caller names")
    func allKinds() throws {
        let old = try store.resolve(ref: "old")
        for path in ["remotes/origin/demo", "mirrors/org.example.os/demo"] {
            let file = store.path.appending("refs").appending(path)
            try Files.makeFolder(file.removingLastComponent())
            try store.setRef("old", to: nil)
            try Files.replace(file, with: Array("\(old.hex)\n".utf8))
            #expect(try collect().removed == 0)
            try Files.remove(file)
        }
        #expect(try collect(keeping: [old]).removed == 0)
        #expect(try collect().removed == 5)
    }

    @Test("an alias keeps what it leads to")
    func alias() throws {
        let old = try store.resolve(ref: "old")
        try ostree("--repo=\(store.path)", "refs", "--alias", "--create=name", "old")
        #expect(try collect().removed == 0)
        #expect(try store.resolve(ref: "old") == old)
    }

    @Test(
        "a ref that cannot be read removes nothing, where ostree prune would take it for no ref",
        arguments: ["", "\n", "abc\n", "zz"])
    func unreadableRef(_ text: String) throws {
        try Files.replace(store.path.appending("refs/heads/old"), with: Array(text.utf8))
        try expectRefusal("the ref heads/old cannot be read")
        try ostree("--repo=\(store.path)", "prune", "--refs-only")
        #expect(try store.objectFiles().count == 4 + 1)
    }

    @Test("a ref that points nowhere removes nothing")
    func danglingRef() throws {
        try store.setRef("gone", to: SHA256.hash([7]))
        try expectRefusal("is missing")
    }

    @Test("a lost or damaged commit or dirtree that is needed removes nothing", arguments: ["commit", "dirtree"])
    func gap(_ kind: String) throws {
        let commit = try store.commit(store.resolve(ref: "old"))
        let name =
            kind == "commit"
            ? ObjectName(try store.resolve(ref: "old"), .commit) : ObjectName(commit.rootTree, .dirtree)
        let bytes = try store.metadata(name)
        try Files.replace(store.path(of: name), with: bytes + [0])
        try expectRefusal("is damaged")
        try Files.remove(store.path(of: name))
        try expectRefusal("is missing")
    }

    @Test("a missing file hides nothing: it does not keep a collection from its work")
    func missingFile() throws {
        try Files.remove(store.path(of: name(of: "b")))
        try store.setRef("old", to: nil)
        #expect(try collect().removed == 5)
    }

    @Test("what a partial commit lacks is not missing")
    func partial() throws {
        let other = try temporary.store("other")
        try ostree("--repo=\(other.path)", "pull-local", "--commit-metadata-only", store.path.string, "old")
        try other.commit(folder("z"), ref: "z")
        try other.setRef("z", to: nil)
        #expect(try collect(other).removed == 3)
        #expect(other.contains(ObjectName(try store.resolve(ref: "old"), .commit)))
        try other.setRef("old", to: nil)
        #expect(try collect(other).removed == 2)
        #expect(try Files.names(in: other.path.appending("state")) == [])
    }

    @Test("signatures go with their commit, and stay with it")
    func detached() throws {
        for ref in ["kept", "old"] { try store.setDetachedMetadata([1], of: store.resolve(ref: ref)) }
        let old = try store.resolve(ref: "old")
        try store.setRef("old", to: nil)
        try collect()
        #expect(try store.detachedMetadata(of: old) == nil)
        #expect(try store.detachedMetadata(of: store.resolve(ref: "kept")) == [1])
    }

    @Test("a removed commit leaves the tombstone that ostree prune would leave")
    func tombstones() throws {
        try ostree("--repo=\(store.path)", "config", "set", "core.tombstone-commits", "true")
        let copy = temporary.path.appending("copy")
        let old = try store.resolve(ref: "old")
        try store.setRef("old", to: nil)
        try succeed("/bin/cp", "-a", store.path.string, copy.string)
        try collect()
        try ostree("--repo=\(copy)", "prune", "--refs-only")
        let path = "objects/\(old.hex.prefix(2))/\(old.hex.dropFirst(2)).tombstone-commit"
        let theirs = try Files.read(copy.appending(path), limit: 1000)
        #expect(try Files.read(store.path.appending(path), limit: 1000) == theirs)
        #expect(try collect().removed == 0)
        #expect(Files.exists(store.path.appending(path)))
    }

    @Test("an object that somebody else has linked gives nothing back")
    func linked() throws {
        try store.setRef("old", to: nil)
        let all = try collect(isDryRun: true).bytes
        let outside = temporary.path.appending("outside").string
        #expect(link(store.path(of: name(of: "d")).string, outside) == 0)
        let told = try collect(isDryRun: true)
        #expect(told.bytes == all - 4096)
        #expect(try collect() == told)
    }

    @Test("names that are no objects stay, and what a killed command has left goes")
    func strangers() throws {
        let prefix = store.path.appending("objects/ab")
        try Files.makeFolder(prefix)
        let stays = [
            "README", "\(String(repeating: "0", count: 62)).filez", "\(String(repeating: "g", count: 62)).file",
        ]
        for name in stays + [".hostctl-1.tmp"] { try Files.replace(prefix.appending(name), with: [1]) }
        try collect()
        #expect(try Set(Files.names(in: prefix)).isSuperset(of: stays))
        #expect(!Files.exists(prefix.appending(".hostctl-1.tmp")))
    }

    @Test("an archive store is collected, with static deltas to commits that are gone")
    func archive() throws {
        let archive = try temporary.store("archive", .archive)
        for ref in ["kept", "old"] {
            try ostree("--repo=\(archive.path)", "pull-local", store.path.string, ref)
            try ostree("--repo=\(archive.path)", "static-delta", "generate", "--empty", ref)
        }
        try archive.setRef("old", to: nil)
        #expect(try collect(archive).removed == 5)
        let kept = try store.resolve(ref: "kept").hex
        #expect(try ostree("--repo=\(archive.path)", "static-delta", "list") == "\(kept)\n")
        try ostree("--repo=\(archive.path)", "fsck")
    }

    @Test("a collection waits for those who add objects, and gives up in time")
    func locked() throws {
        let lock = try store.lock(.shared)
        var space = FreedSpace()
        var collection = StoreCollection(store)
        collection.wait = 0
        #expect(throws: LockedError.self) { try collection.run(&space) }
        collection.isDryRun = true
        #expect(throws: Never.self) { try collection.run(&space) }
        withExtendedLifetime(lock) {}
    }
}
