import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

/// What is found in a store whose objects change while they are being hashed.
@Suite struct VerificationTests {
    private let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder(inMemory: true) }

    @Test("an object that is replaced by another file after it was hashed is hashed again", arguments: [true, false])
    func replaced(_ isFile: Bool) throws {
        let store = try temporary.store()
        let commit = try store.commit(folder("a", "b"))
        let hashing = try StoreHashing(store)
        var victim = name(of: "a")
        if !isFile { try store.forEachObject(of: commit) { if $0.kind == .dirtree { victim = $0 } } }
        try Files.replace(store.path(of: victim), with: Array("x".utf8))
        let verification = try StoreVerification(
            of: store, commits: [commit], hashing: hashing.brought(upTo: store))
        #expect(verification.problems.map(\.name) == [victim])
        #expect(verification.inodes[victim] == nil)
    }

    @Test("what has not changed is not hashed again")
    func unchanged() throws {
        let store = try temporary.store()
        let commit = try store.commit(folder("a", "b"))
        let hashing = try StoreHashing(store)
        let once = try StoreVerification(of: store, commits: [commit], hashing: hashing)
        let twice = try StoreVerification(of: store, commits: [commit], hashing: hashing.brought(upTo: store))
        #expect(twice.problems.isEmpty && twice.bytes == once.bytes && once.bytes > 0)
    }
}
