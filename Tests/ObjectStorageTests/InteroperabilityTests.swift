import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

/// Stock ostree and we give the same names to the same things, and read what the other wrote.
@Suite struct InteroperabilityTests {
    private let temporary: TemporaryFolder
    private let tree: FilePath

    init() throws {
        temporary = try TemporaryFolder()
        tree = try temporary.makeTree()
    }

    /// Stores the tree with both and compares the roots; gives our store after `ostree fsck`.
    @discardableResult
    private func expectSameRoot() throws -> Store {
        let stock = try Store(opening: temporary.stockStore())
        try ostree("--repo=\(stock.path)", "commit", "-b", "demo", "-s", "x", tree.string)
        let theirs = try stock.commit(stock.resolve(ref: "demo"))
        let store = try temporary.store()
        let ours = try store.commit(store.commit(tree))
        #expect(ours.rootTree == theirs.rootTree)
        #expect(ours.rootMetadata == theirs.rootMetadata)
        try ostree("--repo=\(store.path)", "fsck", "--quiet")
        #expect(
            try store.objectFiles().filter { !$0.hasSuffix(".commit") }
                == stock.objectFiles().filter { !$0.hasSuffix(".commit") })
        return store
    }

    @Test("set-id bits, sticky folders and odd owners")
    func owners() throws {
        try shell(
            """
            cd "$1"; echo a >suid; chmod 4755 suid; echo b >sgid; chown 12:34 sgid; chmod 2711 sgid; mkdir tmp; chmod 1777 tmp
            mkdir -m 2750 shared; chown 1000:4294967294 shared; echo c >none; chmod 000 none; chown 65534:65534 none
            """, tree.string)
        try expectSameRoot()
    }

    @Test("extended attributes and file capabilities")
    func attributes() throws {
        try shell(
            """
            cd "$1"; echo a >ping; setcap cap_net_raw+ep ping; echo b >x; setfattr -n user.z -v 1 x; setfattr -n user.a -v 22 x
            setfattr -n user.empty x; mkdir d; setfattr -n user.folder -v yes d; ln -s x l; setfattr -h -n trusted.link -v 1 l
            """, tree.string)
        try expectSameRoot()
    }

    @Test("links to files, to folders, to nowhere, with an owner of their own")
    func links() throws {
        try shell(
            "cd \"$1\"; echo a >f; ln -s f a; ln -s ../.. b; ln -s /nowhere/ü c; ln -s f d; chown -h 7:8 d; ln f hard",
            tree.string)
        try expectSameRoot()
    }

    @Test("empty files, empty folders and an empty tree")
    func emptiness() throws {
        try expectSameRoot()
        try shell("cd \"$1\"; : >empty; mkdir -p hollow/hollow", tree.string)
        let second = try TemporaryFolder()
        let stock = try Store(opening: second.stockStore())
        try ostree("--repo=\(stock.path)", "commit", "-b", "demo", "-s", "x", tree.string)
        let store = try second.store()
        let ours = try store.commit(store.commit(tree))
        #expect(try ours.rootTree == stock.commit(stock.resolve(ref: "demo")).rootTree)
    }

    @Test("names in UTF-8, sorted by bytes, with spaces, new lines and backslashes")
    func names() throws {
        for name in [
            "ä", "z", "Z", "日本", "a b", "a\nb", "a\\x20b", "\u{1F600}", "~", "-x", ".hidden", "a.b", "ab", "a",
        ] {
            try temporary.write("tree/\(name)", text: name)
        }
        try expectSameRoot()
    }

    @Test("two names that Unicode takes for one are refused instead of one of them being lost")
    func canonicalNames() throws {
        try shell("cd \"$1\"; echo 1 >\"$(printf 'e\\314\\201')\"; echo 2 >\"$(printf '\\303\\251')\"", tree.string)
        let error = #expect(throws: StoreError.self) { try TreeFolder.scan(tree) }
        #expect(error?.reason.contains("Unicode") == true)
    }

    @Test("200 folders inside each other")
    func depth() throws {
        try shell("cd \"$1\"; for i in $(seq 200); do mkdir d$i; cd d$i; echo $i >f; done", tree.string)
        try expectSameRoot()
    }

    @Test("a folder of 5,000 entries, whose dirtree needs four bytes for an offset")
    func wideFolder() throws {
        try shell(
            "cd \"$1\"; seq -f 'a-rather-long-name-%05g' 5000 | xargs touch; mkdir $(seq -f 'd%g' 200)", tree.string)
        let store = try expectSameRoot()
        let root = try store.commit(store.resolve(ref: "demo")).rootTree
        #expect(try store.size(of: ObjectName(root, .dirtree)) > 0xffff)
        #expect(try store.tree(root).files.count == 5000)
    }

    @Test("dirtrees around 255 and 65,535 bytes, where offsets grow", arguments: [4, 5, 6, 7, 1300, 1724, 1725, 1726])
    func offsetWidths(count: Int) throws {
        try shell("cd \"$1\"; seq -f '%04g' \"$2\" | xargs touch", tree.string, "\(count)")
        try expectSameRoot()
    }

    @Test("a sparse file of 300 MB, without memory growing with it")
    func largeFile() throws {
        try shell("cd \"$1\"; echo start >big; truncate -s 300M big; echo end >>big", tree.string)
        try expectSameRoot()
    }

    @Test("sizes around that of the buffer", arguments: [262_143, 262_144, 262_145, 524_288])
    func bufferSizes(size: Int) throws {
        try shell("head -c \"$2\" /dev/urandom >\"$1\"/f", tree.string, "\(size)")
        try expectSameRoot()
    }

    @Test("stock ostree reads version, binding and rows out of our commit")
    func metadataForOstree() throws {
        let store = try temporary.store()
        try store.commit(
            tree,
            metadata: [
                Commit.Key.version: .string("13.2"), Commit.Key.refBinding: .strings(["demo"]),
                Commit.Key.bootable: .bool(true), Commit.Key.installedSize: .uint64(12),
                Commit.Key.packages: .rows([["bash", "5.2"], ["zlib1g", "1.3"]]),
            ])
        let show = { (key: String) in
            try ostree("--repo=\(store.path)", "show", "--print-metadata-key=\(key)", "demo").filter { $0 != "\n" }
        }
        #expect(try show("version") == "'13.2'")
        #expect(try show("ostree.ref-binding") == "['demo']")
        #expect(try show("ostree.bootable") == "true")
        // ostree stores numbers big-endian, so its command swaps ours, as it does those that it wrote itself.
        #expect(try show("hostctl.installed-size") == "uint64 \(UInt64(12).byteSwapped)")
        #expect(try show("hostctl.packages") == "[['bash', '5.2'], ['zlib1g', '1.3']]")
    }

    @Test("our decoder reads a commit, a parent and detached metadata that stock ostree wrote")
    func metadataFromOstree() throws {
        let stock = try Store(opening: temporary.stockStore())
        let commit = { (text: String) in
            try ostree(
                "--repo=\(stock.path)", "commit", "-b", "demo", "-s", "Subject", "-m", "Body ü",
                "--timestamp=@1700000000",
                "--add-metadata-string=version=\(text)", "--add-metadata=n=uint32 7",
                "--add-metadata=s=[['a'],['b','c']]",
                "--add-detached-metadata-string=note=\(text)", tree.string)
        }
        _ = try commit("1")
        let first = try stock.resolve(ref: "demo")
        _ = try commit("2")
        let name = try stock.resolve(ref: "demo")
        let decoded = try stock.commit(name)
        #expect(decoded.version == "2")
        #expect(decoded.refBindings == ["demo"])
        #expect(decoded.parent == first)
        #expect(decoded.subject == "Subject")
        #expect(decoded.timestamp == 1_700_000_000)
        #expect(decoded.metadata["n"] == .uint32(7))
        #expect(decoded.metadata["s"] == .rows([["a"], ["b", "c"]]))
        let detached = try #require(try stock.detachedMetadata(of: name))
        #expect(try DetachedMetadata.signatures(in: detached) == [])
        let signed = try DetachedMetadata.replacing(signatures: [[1, 2]], in: detached)
        try stock.setDetachedMetadata(signed, of: name)
        let show = try ostree("--repo=\(stock.path)", "show", "--print-detached-metadata-key=note", "demo")
        #expect(show == "'2'\n")
    }

    @Test("an archive store that we wrote can be pulled by stock ostree, and checked out with everything in it")
    func archiveForOstree() throws {
        try shell(
            """
            cd "$1"; echo a >suid; chmod 4755 suid; chown 5:6 suid; : >empty; ln -s /x l; mkdir d; head -c 700000 /dev/urandom >d/big
            echo c >cap; setcap cap_net_raw+ep cap
            """, tree.string)
        let store = try temporary.store()
        let checksum = try store.commit(tree)
        let archive = try temporary.store("archive", .archive)
        let transaction = try StoreTransaction(archive)
        let copied = try transaction.copy(checksum, from: store, workers: 2)
        try transaction.commit(refs: ["demo": checksum])
        #expect(try copied.objects == archive.objectFiles().count)
        try ostree("--repo=\(archive.path)", "fsck", "--quiet")
        let pulled = try temporary.stockStore("pulled")
        try ostree("--repo=\(pulled)", "pull-local", archive.path.string, "demo")
        let checkout = temporary.path.appending("checkout")
        try ostree("--repo=\(pulled)", "checkout", "demo", checkout.string)
        let verifier = ObjectVerifier()
        for name in ["suid", "empty", "l", "d/big", "cap"] {
            #expect(
                try verifier.checksum(ofFileAt: checkout.appending(name))
                    == verifier.checksum(ofFileAt: tree.appending(name)), "\(name)")
        }
    }

    @Test("what stock ostree compressed is read into the same objects")
    func archiveFromOstree() throws {
        try shell(
            "cd \"$1\"; echo a >f; chown 5:6 f; : >empty; ln -s /x l; head -c 700000 /dev/urandom >big", tree.string)
        let stock = try Store(opening: temporary.stockStore(mode: "archive"))
        try ostree("--repo=\(stock.path)", "commit", "-b", "demo", "-s", "x", tree.string)
        let store = try temporary.store()
        let transaction = try StoreTransaction(store)
        let reader = ArchiveObjectReader(transaction)
        let checksum = try stock.resolve(ref: "demo")
        try stock.forEachObject(of: checksum) { name in
            let bytes = try Files.read(stock.path(of: name), limit: 1 << 20)
            if name.kind != .file { return _ = try transaction.write(name.kind, bytes, expected: name.checksum) }
            reader.begin(name, limit: 1 << 20)
            try bytes.withUnsafeBytes { try reader.append($0) }
            _ = try reader.finish()
        }
        try transaction.commit(refs: ["demo": checksum])
        try ostree("--repo=\(store.path)", "fsck", "--quiet")
    }
}
