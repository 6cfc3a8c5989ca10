import Checksums
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

@Suite("users and groups keep their numbers") struct AccountTests {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder.path.appending("store"), mode: .bare)
    }

    /// A tree with users whose groups have the same names and numbers, and a file of each.
    private func tree(_ users: KeyValuePairs<String, UInt32>) -> TreeFolder {
        let tree = TreeFolder()
        tree["etc/passwd"] = file(
            users.map { "\($0.key):x:\($0.value):\($0.value)::/:/usr/sbin/nologin\n" }.joined())
        tree["etc/group"] = file(users.map { "\($0.key):x:\($0.value):\n" }.joined())
        for user in users { tree["usr/lib/\(user.key)"] = file("x", uid: user.value, gid: user.value) }
        return tree
    }

    /// Makes the next release after `previous` and tells the owner of each user's file.
    private func release(
        _ users: KeyValuePairs<String, UInt32>, after previous: Checksum? = nil
    ) throws -> (commit: Checksum, owners: [String: UInt32], passwd: String) {
        let tree = tree(users)
        try AccountStage(tree: tree, store: store, previous: previous).run()
        var owners: [String: UInt32] = [:]
        for user in users {
            guard case .file(let file)? = tree["usr/lib/\(user.key)"] else { continue }
            #expect(file.attributes.uid == file.attributes.gid)
            owners[user.key] = file.attributes.uid
        }
        let passwd = tree.text("etc/passwd") ?? ""
        tree["usr/etc"] = tree.entries.removeValue(forKey: "etc")
        let stored = try store.ingest(tree)
        let commit = Commit(
            metadata: [:], subject: "test", timestamp: 1, rootTree: stored.rootTree, rootMetadata: stored.rootMetadata)
        return (try store.write(commit: commit, ref: "test"), owners, passwd)
    }

    @Test("a first release keeps what its packages gave")
    func first() throws {
        let first = try release(["root": 0, "time": 100, "bus": 101])
        #expect(first.owners == ["root": 0, "time": 100, "bus": 101])
    }

    @Test("users whose packages are installed in another order keep their numbers, in passwd and on files")
    func order() throws {
        let first = try release(["root": 0, "time": 100, "bus": 101])
        let second = try release(["root": 0, "bus": 100, "time": 101], after: first.commit)
        #expect(second.owners == first.owners)
        #expect(second.passwd.contains("bus:x:101:101:") && second.passwd.contains("time:x:100:100:"))
    }

    @Test("the number of a user that is gone is never another's, not even two releases later")
    func removed() throws {
        let first = try release(["root": 0, "time": 100, "bus": 101])
        let second = try release(["root": 0, "bus": 100], after: first.commit)
        #expect(second.owners == ["root": 0, "bus": 101])
        #expect(!second.passwd.contains("time"))
        let third = try release(["root": 0, "bus": 101, "ssh": 100], after: second.commit)
        #expect(third.owners == ["root": 0, "bus": 101, "ssh": 102])
    }

    @Test("a user that comes back has its old number again")
    func back() throws {
        let first = try release(["root": 0, "time": 100])
        let second = try release(["root": 0], after: first.commit)
        #expect(try release(["root": 0, "time": 105], after: second.commit).owners == ["root": 0, "time": 100])
    }

    @Test("a newcomer never gets a number that another newcomer or an old user has")
    func collision() throws {
        let first = try release(["root": 0, "a": 100, "b": 101])
        let second = try release(["root": 0, "x": 100, "y": 102, "b": 103, "z": 101], after: first.commit)
        #expect(second.owners == ["root": 0, "b": 101, "y": 102, "x": 103, "z": 104])
    }

    @Test("a number that Debian fixes and an earlier release gave away is an error that names both")
    func fixed() throws {
        let first = try release(["root": 0, "old": 50])
        #expect(throws: ImageError.accountNumberTaken(name: "new", number: 50, owner: "old")) {
            try release(["root": 0, "new": 50], after: first.commit)
        }
    }

    @Test("nobody is renumbered when every number is in use")
    func full() throws {
        let all = Dictionary(uniqueKeysWithValues: (100...999).map { ("u\($0)", UInt32($0)) })
        #expect(throws: ImageError.self) { try AccountNumbers(numbers: all).renumbering(["new": 500]) }
        #expect(try AccountNumbers(numbers: all).renumbering(["new": 1000]) == [:])
    }

    @Test("an earlier image without users is refused")
    func unreadable() throws {
        let stored = try store.ingest(TreeFolder())
        let commit = try store.write(
            commit: Commit(
                metadata: [:], subject: "test", timestamp: 1, rootTree: stored.rootTree,
                rootMetadata: stored.rootMetadata),
            ref: "test")
        #expect(throws: ImageError.self) { try release(["root": 0], after: commit) }
    }
}
