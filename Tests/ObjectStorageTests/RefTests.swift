import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@Suite struct RefTests {
    private let temporary: TemporaryFolder
    private let store: Store
    private let checksum = SHA256.hash([1])

    init() throws {
        temporary = try TemporaryFolder()
        store = try temporary.store()
    }

    @Test(
        "a name that is no ref, or leads elsewhere, is refused",
        arguments: [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", "../../config", ".hidden", "a/.b", "a b", "a\nb", "ü", "a:b",
            "a\0b", "a~",
        ])
    func invalidNames(name: String) {
        #expect(throws: StoreError.invalidRefName(name)) { try store.setRef(name, to: checksum) }
        #expect(throws: StoreError.invalidRefName(name)) { try store.resolve(ref: name) }
    }

    @Test("a deep ref is set, read by stock ostree, replaced and removed")
    func deep() throws {
        let commit = try store.commit(folder("a"), ref: "lean-host/stable/x86_64")
        #expect(try ostree("--repo=\(store.path)", "rev-parse", "lean-host/stable/x86_64") == "\(commit)\n")
        try store.setRef("lean-host/stable/x86_64", to: checksum)
        #expect(try store.resolve("lean-host/stable/x86_64") == checksum)
        try store.setRef("lean-host/stable/x86_64", to: nil)
        #expect(throws: StoreError.unknownRef("lean-host/stable/x86_64")) {
            try store.resolve(ref: "lean-host/stable/x86_64")
        }
    }

    @Test("removing a ref that is missing is fine, also below another ref")
    func removeMissing() throws {
        try store.setRef("a", to: checksum)
        try store.setRef("b", to: nil)
        try store.setRef("a/b", to: nil)
        try store.setRef("x/y/z", to: nil)
        #expect(try store.refs() == ["a": checksum])
    }

    @Test("setting a ref leaves no other file behind")
    func noTraces() throws {
        for index in 0..<20 { try store.setRef("r", to: SHA256.hash([UInt8(index)])) }
        #expect(try Files.names(in: store.path.appending("refs/heads")) == ["r"])
    }

    @Test("a reader sees the old or the new commit while a ref is being replaced")
    func atomic() throws {
        let store = store
        let two = [SHA256.hash([1]), SHA256.hash([2])]
        try store.setRef("r", to: two[0])
        try Workers.run(2) { worker, _ in
            for index in 0..<300 {
                if worker == 0 {
                    try store.setRef("r", to: two[index % 2])
                } else {
                    #expect(two.contains(try store.resolve(ref: "r")))
                }
            }
        }
    }

    @Test("a folder of refs is no ref")
    func folderOfRefs() throws {
        try store.setRef("a/b", to: checksum)
        #expect(throws: StoreError.unknownRef("a")) { try store.resolve(ref: "a") }
    }

    @Test("refs below a prefix are those in that folder, not those that start alike")
    func prefix() throws {
        for name in ["a/b", "a/c/d", "ab", "ab/c".replacing("ab/", with: "abc/")] {
            try store.setRef(name, to: checksum)
        }
        #expect(try store.refs(below: "a").keys.sorted() == ["a/b", "a/c/d"])
        #expect(try store.refs(below: "ab") == [:])
        #expect(try store.refs(below: "missing") == [:])
        #expect(try store.refs().count == 4)
    }

    @Test("stray files among the refs do not hide the others")
    func strayFiles() throws {
        try store.setRef("good", to: checksum)
        try temporary.write("store/refs/heads/editor~", text: "x")
        try temporary.write("store/refs/heads/.good.1.tmp", text: "x")
        #expect(try store.refs() == ["good": checksum])
    }

    @Test(
        "a ref whose file holds anything but a checksum is unknown",
        arguments: ["", "x", String(repeating: "a", count: 63)])
    func damaged(text: String) throws {
        try temporary.write("store/refs/heads/r", text: text)
        #expect(throws: StoreError.unknownRef("r")) { try store.resolve(ref: "r") }
        try temporary.write("store/refs/heads/r", text: "\(checksum)\(checksum)\n")
        #expect(throws: StoreError.unknownRef("r")) { try store.resolve(ref: "r") }
    }

    @Test("a store is opened in the mode that its configuration says, in ostree's section")
    func configuration() throws {
        try temporary.write("store/config", text: "[other]\nmode=archive-z2\n[core]\nrepo_version=1\nmode = bare\r\n")
        #expect(try Store(opening: store.path).mode == .bare)
        try temporary.write("store/config", text: "[core]\nmode=bare-user\n")
        #expect(throws: StoreError.notARepository(path: store.path.string, detail: "its mode is 'bare-user'")) {
            try Store(opening: store.path)
        }
        #expect(throws: StoreError.self) { try Store(opening: temporary.path) }
    }

    @Test("a store is not made over one of another mode")
    func otherMode() throws {
        #expect(throws: StoreError.self) { try Store.create(at: store.path, mode: .archive) }
        #expect(try Store.create(at: store.path, mode: .bare) == store)
    }
}
