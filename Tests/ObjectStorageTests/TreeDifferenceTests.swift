import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

/// Two trees compared: what is told of each path, and that no more is read than has to be.
@Suite struct TreeDifferenceTests {
    private let temporary: TemporaryFolder
    private let tree: FilePath
    private let store: Store

    init() throws {
        temporary = try TemporaryFolder()
        tree = try temporary.makeTree()
        store = try temporary.store()
    }

    private func changes(_ old: Checksum, _ new: Checksum, in other: Store? = nil) throws -> [TreeChange] {
        try CommitDifference(old, new, in: other ?? store, listing: true).changes
    }

    /// `A /path`, or `M /path content mode`.
    private func lines(_ changes: [TreeChange]) -> [String] {
        changes.map { change in
            let letter = change.kind == .added ? "A" : change.kind == .removed ? "D" : "M"
            return ([letter, change.path] + change.aspects.map(\.rawValue)).joined(separator: " ")
        }
    }

    /// Two commits of the tree, with a script run in between.
    private func commits(_ first: String, _ second: String) throws -> (Checksum, Checksum) {
        try shell("cd \"$1\"; \(first)", tree.string)
        let old = try store.commit(tree, ref: "old")
        try shell("cd \"$1\"; \(second)", tree.string)
        return (old, try store.commit(tree, ref: "new"))
    }

    private static let everything = (
        """
        mkdir same gone folder mode; echo 1 >same/file; echo 1 >gone/a; mkdir gone/b; echo 1 >gone/b/c; echo one >content
        echo 1 >mode/a; echo 1 >owner; echo 1 >xattr; ln -s a link; echo 1 >file; echo 1 >folder/x; echo 12 >both; ln -s a l
        """,
        """
        rm -r gone; echo two >content; chmod 4711 mode/a; chown 1:2 owner; setfattr -n trusted.x -v 1 xattr; ln -sfn b link
        rm file; mkdir file; echo 1 >file/y; rm -r folder; echo 1 >folder; mkdir new; echo 123 >new/z; chmod 700 mode
        echo 34 >both; chmod 600 both; rm l; echo 1 >l
        """
    )

    private static let expected = [
        "M /both content mode", "M /content content", "M /file type", "A /file/y", "M /folder type", "D /folder/x",
        "D /gone", "D /gone/a", "D /gone/b", "D /gone/b/c", "M /l type", "M /link content", "M /mode mode",
        "M /mode/a mode", "A /new", "A /new/z", "M /owner owner", "M /xattr attributes",
    ]

    @Test("type, content, mode, owner and attributes are told apart")
    func aspects() throws {
        let (old, new) = try commits(Self.everything.0, Self.everything.1)
        #expect(try lines(changes(old, new)) == Self.expected)
        #expect(try changes(old, old).isEmpty)
    }

    @Test("an origin's archive gives the same answer as a bare store")
    func archive() throws {
        let (old, new) = try commits(Self.everything.0, Self.everything.1)
        let archive = try Store(opening: temporary.stockStore(mode: "archive"))
        try ostree("--repo=\(archive.path)", "pull-local", store.path.string)
        #expect(try lines(changes(old, new, in: archive)) == Self.expected)
    }

    @Test("backwards, what was added is removed")
    func backwards() throws {
        let (old, new) = try commits(Self.everything.0, Self.everything.1)
        let forwards = try CommitDifference(old, new, in: store, listing: false)
        let backwards = try CommitDifference(new, old, in: store, listing: true)
        #expect(forwards.changes.isEmpty)
        #expect(forwards.files.added == backwards.files.removed)
        #expect(forwards.files.changed == backwards.files.changed)
        #expect(forwards.bytesAdded == backwards.bytesRemoved)
    }

    @Test("bytes are those of content that is new or gone")
    func bytes() throws {
        let (old, new) = try commits(
            "echo 1234567 >changed; echo 12 >gone; echo 1 >moded",
            "echo 1 >changed; rm gone; echo 123 >new; chmod 600 moded")
        let difference = try CommitDifference(old, new, in: store, listing: false)
        #expect(difference.bytesAdded == 2 + 4)
        #expect(difference.bytesRemoved == 8 + 3)
    }

    @Test("equal content of equal size with other attributes is not other content, at any size")
    func sameContent() throws {
        let (old, new) = try commits(
            "head -c 700000 /dev/zero >large; : >empty", "chmod 600 large empty; chown 3:3 large")
        #expect(try lines(changes(old, new)) == ["M /empty mode", "M /large mode owner"])
    }

    @Test("folders that are equal are not looked into")
    func equalFolders() throws {
        let (old, new) = try commits("mkdir -p a/b c; echo 1 >a/b/x; echo 1 >c/y", "echo 2 >c/y")
        let same = try #require(store.tree(store.commit(old).rootTree).folders.first { $0.name == "a" })
        try Files.remove(store.path(of: ObjectName(same.tree, .dirtree)))
        #expect(try lines(changes(old, new)) == ["M /c/y content"])
    }

    @Test("names that only bytes tell apart, and the order of names with and without a folder's slash")
    func names() throws {
        let (old, new) = try commits(
            "mkdir a; echo 1 >a/x; echo 1 >a.txt; echo 1 >$(printf 'e\\314\\201')",
            "echo 2 >a/x; echo 2 >a.txt; rm e*; echo 1 >$(printf '\\303\\251')")
        #expect(
            try lines(changes(old, new)) == ["M /a/x content", "M /a.txt content", "D /e\u{301}", "A /\u{E9}"])
    }

    @Test("a missing object is named")
    func missing() throws {
        let (old, new) = try commits("echo 1 >a", "echo 2 >a")
        try Files.remove(store.path(of: name(of: "2\n")))
        #expect(throws: StoreError.missing(name(of: "2\n"))) { try changes(old, new) }
    }

    /// Of a path that changes its type, and below it, `ostree diff` tells less, so that no such path is made here.
    @Test("random trees: the same paths as ostree diff", arguments: 1...8)
    func random(_ seed: UInt64) throws {
        var generator = Generator(seed: seed)
        let folder = TreeFolder()
        func fill(_ count: Int) {
            for _ in 0..<count {
                let path = (0..<Int.random(in: 1...4, using: &generator)).map { level in
                    "d\(level)\(Int.random(in: 0...3, using: &generator))"
                }.joined(separator: "/")
                folder["\(path)/f\(Int.random(in: 0...4, using: &generator))"] = file(
                    "\(Int.random(in: 0...2, using: &generator))",
                    permissions: Bool.random(using: &generator) ? 0o644 : 0o600)
            }
        }
        fill(40)
        let first = try store.commit(folder, ref: "first")
        fill(20)
        for name in folder.entries.keys.sorted().prefix(1) { folder.entries[name] = nil }
        let second = try store.commit(folder, ref: "second")
        let all = try changes(first, second)
        let gone = Set(all.filter { $0.kind == .removed }.map(\.path))
        // ostree names a folder that is gone, and not what was in it.
        let ours = all.filter { change in
            change.kind != .removed || !gone.contains { change.path.hasPrefix($0 + "/") }
        }
        #expect(try Set(ours.map { "\($0.kind.rawValue.prefix(1)) \($0.path)" }) == stock(first, second))
    }

    /// The lines of `ostree diff`, in our words.
    private func stock(_ old: Checksum, _ new: Checksum) throws -> Set<String> {
        let words = ["A": "a", "D": "r", "M": "c"]
        return try Set(
            ostree("--repo=\(store.path)", "diff", old.hex, new.hex).split(separator: "\n").map { line in
                "\(words[String(line.prefix(1))] ?? "?") \(line.dropFirst().drop { $0 == " " })"
            })
    }

    private struct Generator: RandomNumberGenerator {
        private var state: UInt64
        init(seed: UInt64) { state = seed }

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }
}
