import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@Suite struct TransactionTests {
    private let temporary: TemporaryFolder
    private let store: Store
    private var staging: FilePath { temporary.path.appending("staging") }

    init() throws {
        temporary = try TemporaryFolder()
        store = try temporary.store()
    }

    /// Stages a tree and ends without a commit, as an interrupted process does.
    private func stage(_ tree: TreeFolder) throws {
        let transaction = try StoreTransaction(store, staging: .resumable(staging))
        _ = try transaction.ingest(tree, workers: 2)
    }

    private func reopened() throws -> StoreTransaction { try StoreTransaction(store, staging: .resumable(staging)) }

    private func staged(_ name: ObjectName) -> FilePath { staging.appending(name.barePath) }

    private func touch(_ path: FilePath, seconds: Int) throws {
        let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
        try retrying("set the time of", path.string) { utimensat(AT_FDCWD, path.string, times, AT_SYMLINK_NOFOLLOW) }
    }

    @Test("what was staged before an interruption is taken up again, not written again")
    func resumed() throws {
        try stage(folder("a", "b"))
        let before = try inode(staged(name(of: "a")))
        let transaction = try StoreTransaction(store, staging: .resumable(staging))
        #expect(transaction.stagedCount == 4)
        _ = try transaction.ingest(folder("a", "b"), workers: 2)
        try transaction.commit()
        #expect(try inode(store.path(of: name(of: "a"))) == before)
        #expect(!Files.exists(staging))
        try ostree("--repo=\(store.path)", "fsck", "--quiet")
    }

    @Test("a file that was being written when the process was killed is dropped")
    func torn() throws {
        try stage(folder("a", "b"))
        try touch(staged(name(of: "a")), seconds: 1_700_000_000)
        let transaction: StoreTransaction = try reopened()
        #expect(!transaction.contains(name(of: "a")))
        #expect(transaction.contains(name(of: "b")))
        #expect(!Files.exists(staged(name(of: "a"))))
    }

    @Test("within one boot, staged files are trusted without reading them")
    func sameBoot() throws {
        try stage(folder("a"))
        try shell("printf X >\"$1\"", staged(name(of: "a")).string)
        try touch(staged(name(of: "a")), seconds: 0)
        #expect(try reopened().contains(name(of: "a")))
    }

    @Test("after another boot, staged files are hashed again: whole ones stay, damaged ones are dropped")
    func otherBoot() throws {
        try stage(folder("a", "b"))
        try shell("printf X >\"$1\"", staged(name(of: "a")).string)
        try touch(staged(name(of: "a")), seconds: 0)
        try Files.replace(staging.appending("boot-id"), with: Array("another\n".utf8))
        let transaction: StoreTransaction = try reopened()
        #expect(!transaction.contains(name(of: "a")))
        #expect(transaction.contains(name(of: "b")))
        #expect(transaction.stagedCount == 3)
    }

    @Test("after another boot, a file without its content is dropped, as a power cut can leave it")
    func emptied() throws {
        try stage(folder("a"))
        truncate(staged(name(of: "a")).string, 0)
        try touch(staged(name(of: "a")), seconds: 0)
        try Files.remove(staging.appending("boot-id"))
        #expect(try !reopened().contains(name(of: "a")))
    }

    @Test("an unreadable or oversized staged file is dropped, and does not stop everything after it")
    func unreadable() throws {
        try stage(folder("a"))
        try Files.replace(staging.appending("boot-id"), with: [])
        let huge = ObjectName(SHA256.hash([9]), .dirtree)
        try Files.makeFolder(staged(huge).removingLastComponent())
        try shell("truncate -s 20M \"$1\"", staged(huge).string)
        try touch(staged(huge), seconds: 0)
        let odd = staged(ObjectName(SHA256.hash([8]), .dirmeta))
        try Files.makeFolder(odd)
        try touch(odd, seconds: 0)
        let transaction: StoreTransaction = try reopened()
        #expect(transaction.stagedCount == 3)
        #expect(!Files.exists(staged(huge)) && !Files.exists(odd))
    }

    @Test("files that no object of this store would be are dropped")
    func strangers() throws {
        try stage(folder("a"))
        let hex = SHA256.hash([7]).hex
        for stray in [
            "ab/note", "\(hex.prefix(2))/\(hex.dropFirst(2)).filez", "\(hex.prefix(2))/\(hex.dropFirst(2)).commit",
        ] {
            let path = try temporary.write("staging/\(stray)", text: "x")
            try touch(path, seconds: 0)
        }
        let transaction: StoreTransaction = try reopened()
        #expect(transaction.stagedCount == 3)
        try transaction.commit()
        #expect(try store.objectFiles().count == 3)
    }

    @Test("an object that is in the store is neither written nor replaced")
    func existing() throws {
        _ = try store.ingest(folder("a"), workers: 1)
        let before = try inode(store.path(of: name(of: "a")))
        _ = try store.ingest(folder("a", "b"), workers: 1)
        #expect(try inode(store.path(of: name(of: "a"))) == before)
    }

    @Test("an object that another process stores meanwhile is not replaced")
    func storedMeanwhile() throws {
        let transaction = try StoreTransaction(store)
        _ = try transaction.ingest(folder("a"), workers: 1)
        _ = try store.ingest(folder("a", "b"), workers: 1)
        let before = try inode(store.path(of: name(of: "a")))
        try transaction.commit()
        #expect(try inode(store.path(of: name(of: "a"))) == before)
        #expect(try store.temporaryNames() == [])
    }

    @Test("an object that was counted on and is collected before the commit makes the commit fail, not the store")
    func collectedMeanwhile() throws {
        _ = try store.ingest(folder("a"), workers: 1)
        let transaction = try StoreTransaction(store)
        let stored = try transaction.ingest(folder("a", "b"), workers: 1)
        try ostree("--repo=\(store.path)", "prune", "--refs-only")
        let commit = Commit(
            metadata: [:], subject: "", timestamp: 0, rootTree: stored.rootTree, rootMetadata: stored.rootMetadata)
        try transaction.write(.commit, commit.encode())
        #expect(throws: StoreError.self) { try transaction.commit() }
        #expect(try !store.objectFiles().contains { $0.hasSuffix(".commit") })
    }

    @Test("many workers that write the same content store it once")
    func concurrent() throws {
        let tree = TreeFolder()
        for index in 0..<400 { tree["d\(index % 20)/f\(index)"] = file("same \(index % 7)") }
        let transaction = try StoreTransaction(store)
        _ = try transaction.ingest(tree, workers: 8)
        try transaction.commit()
        #expect(try store.objectFiles().filter { $0.hasSuffix(".file") }.count == 7)
        try ostree("--repo=\(store.path)", "fsck", "--quiet")
    }

    @Test("several transactions on one store at once end in one whole store")
    func severalTransactions() throws {
        let store = store
        try Workers.run(4) { index, _ in
            let tree = TreeFolder()
            for number in 0..<200 { tree["d/\(number)"] = file("\(number % 150) \(number > 100 ? index : 0)") }
            try store.commit(tree, ref: "ref-\(index)")
        }
        try ostree("--repo=\(store.path)", "fsck", "--quiet")
        #expect(try store.refs().count == 4)
        #expect(try store.temporaryNames() == [])
    }

    @Test("a transaction that is given up leaves nothing")
    func abandoned() throws {
        do { _ = try StoreTransaction(store).ingest(folder("a"), workers: 1) }
        #expect(try store.temporaryNames() == [])
        #expect(try store.objectFiles() == [])
    }

    @Test("a write that fails leaves nothing staged, and can be made again")
    func failedWrite() throws {
        let transaction = try StoreTransaction(store)
        let long = FileHeader(
            attributes: FileAttributes(
                permissions: 0o644,
                extendedAttributes: [
                    ExtendedAttribute(name: Array("nonsense".utf8), value: [1])
                ]), content: .regular)
        let writer = BareObjectWriter(transaction)
        writer.begin(long)
        #expect(throws: SystemError.self) { try writer.finish() }
        #expect(transaction.stagedCount == 0)
        try transaction.commit()
        #expect(try store.objectFiles() == [])
    }

    @Test("a link that cannot be made leaves nothing staged")
    func failedLink() throws {
        let transaction = try StoreTransaction(store)
        let writer = BareObjectWriter(transaction)
        writer.begin(
            FileHeader(
                attributes: FileAttributes(permissions: 0o777),
                content: .link(target: String(repeating: "x", count: 5000))))
        #expect(throws: SystemError.self) { try writer.finish() }
        #expect(transaction.stagedCount == 0)
    }

    @Test("a name that would lead out of its folder is not stored", arguments: ["..", ".", "", "a/b"])
    func hostileNames(name: String) throws {
        let tree = TreeFolder(entries: [name: file("x")])
        #expect(throws: StoreError.self) { try store.ingest(tree, workers: 1) }
        #expect(try store.objectFiles() == [])
    }

    @Test("a folder whose dirtree no client would read is refused when it is written")
    func tooManyNames() throws {
        let tree = TreeFolder()
        for index in 0..<50_000 {
            tree.entries[String(repeating: "n", count: 200) + "\(index)"] = .link(TreeLink(target: "x"))
        }
        let error = #expect(throws: StoreError.self) { try store.ingest(tree, workers: 2) }
        if case .tooLarge? = error {} else { Issue.record("\(error as Any)") }
        #expect(try store.objectFiles() == [])
    }

    @Test("a set-group-id folder does not hand its group on to objects")
    func inheritedGroup() throws {
        try shell("chgrp 77 \"$1\"/tmp; chmod g+s \"$1\"/tmp", store.path.string)
        try store.commit(folder("a"))
        try ostree("--repo=\(store.path)", "fsck", "--quiet")
    }

    @Test("a commit whose root is missing is not written")
    func missingRoot() throws {
        let commit = Commit(
            metadata: [:], subject: "", timestamp: 0, rootTree: SHA256.hash([1]), rootMetadata: SHA256.hash([2]))
        #expect(throws: StoreError.missing(ObjectName(SHA256.hash([1]), .dirtree))) {
            try store.write(commit: commit, ref: "demo")
        }
        #expect(try store.refs() == [:])
    }

    @Test("an object with another checksum than expected is refused and not staged")
    func unexpected() throws {
        let transaction = try StoreTransaction(store)
        #expect(throws: StoreError.self) { try transaction.write(.dirtree, [1], expected: SHA256.hash([2])) }
        #expect(transaction.stagedCount == 0)
    }

    @Test("a damaged object in the store is noticed when it is copied or read")
    func damagedSource() throws {
        let checksum = try store.commit(folder("a"))
        try shell("printf X >\"$1\"", store.path(of: name(of: "a")).string)
        let archive = try temporary.store("archive", .archive)
        let transaction = try StoreTransaction(archive)
        let error = #expect(throws: StoreError.self) { try transaction.copy(checksum, from: store, workers: 2) }
        if case .corrupted? = error {} else { Issue.record("\(error as Any)") }
        #expect(try archive.objectFiles() == [])
        try shell("printf X >>\"$1\"", store.path(of: ObjectName(checksum, .commit)).string)
        #expect(throws: StoreError.self) { try store.commit(checksum) }
    }

    @Test("a verifier that could not read one file is right about the next")
    func verifierAfterFailure() throws {
        try temporary.write("good", text: "a")
        let verifier = ObjectVerifier()
        try Files.makeFolder(temporary.path.appending("folder"))
        mkfifo(temporary.path.appending("pipe").string, 0o644)
        #expect(throws: StoreError.self) { try verifier.checksum(ofFileAt: temporary.path.appending("pipe")) }
        #expect(throws: StoreError.self) { try verifier.checksum(ofFileAt: temporary.path.appending("folder")) }
        #expect(try verifier.checksum(ofFileAt: temporary.path.appending("good")) == name(of: "a").checksum)
    }

    @Test("devices, pipes and mounted file systems are refused by name")
    func unsupportedFiles() throws {
        let tree = try temporary.makeTree()
        mkfifo(tree.appending("pipe").string, 0o644)
        let error = #expect(throws: StoreError.self) { try TreeFolder.scan(tree) }
        #expect(error?.reason.contains("pipe") == true)
        #expect(try TreeFolder.scan(tree) { $0 == "pipe" }.entries.isEmpty)
    }
}
