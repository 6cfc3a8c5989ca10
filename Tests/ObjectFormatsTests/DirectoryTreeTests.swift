import Checksums
import ObjectFormats
import Testing

@Suite struct DirectoryTreeTests {
    private func refused(_ bytes: [UInt8], _ words: String) {
        let error = #expect(throws: FormatError.self) { try DirectoryTree(decoding: bytes) }
        #expect(error?.detail.contains(words) == true, "\(error?.detail ?? "accepted")")
    }

    @Test(
        "a tree is read as it was written, with one, two and four bytes for each offset", arguments: [0, 1, 20, 3000])
    func roundTrip(entries: Int) throws {
        let tree = Sample.tree(entries: entries)
        #expect(try DirectoryTree(decoding: tree.encode()) == tree)
    }

    @Test("the forger's own well-formed tree is accepted, so that the refusals below mean something")
    func forgedIsValid() throws {
        let bytes = Forged.tree(files: [Forged.file("a")], folders: [Forged.folder("b")])
        let tree = DirectoryTree(
            files: [.init(name: "a", checksum: Sample.checksum)],
            folders: [.init(name: "b", tree: Sample.checksum, metadata: Sample.other)])
        #expect(try DirectoryTree(decoding: bytes) == tree)
        #expect(tree.encode() == bytes)
    }

    @Test(
        "a name that leads out of its folder is refused",
        arguments: [".", "..", "", "a/b", "/", "../x", String(repeating: "n", count: 256)])
    func hostileNames(name: String) {
        guard name.utf8.count < 200 else {
            return refused(
                DirectoryTree(files: [.init(name: name, checksum: Sample.checksum)], folders: []).encode(), "name")
        }
        refused(Forged.tree(files: [Forged.file(name)]), "not a name")
        refused(Forged.tree(folders: [Forged.folder(name)]), "not a name")
    }

    @Test("a name with a NUL inside is refused")
    func nulInName() { refused(Forged.tree(files: [Forged.file("a\0b")]), "NUL") }

    @Test("a name that is not UTF-8 is refused")
    func invalidUTF8() {
        refused(Forged.tree(files: [Forged.tuple([[0xff, 0xfe, 0], Sample.checksum.bytes])]), "UTF-8")
    }

    @Test("a name without its NUL is refused")
    func missingNul() { refused(Forged.tree(files: [Forged.tuple([[0x61], Sample.checksum.bytes])]), "NUL") }

    @Test("two files of one name are refused")
    func duplicateFiles() { refused(Forged.tree(files: [Forged.file("a"), Forged.file("a")]), "twice") }

    @Test("a file and a folder of one name are refused")
    func fileAndFolder() {
        refused(Forged.tree(files: [Forged.file("a"), Forged.file("b")], folders: [Forged.folder("b")]), "both")
    }

    @Test("a list that is not in byte order is refused, because ostree looks names up by halving")
    func disorder() { refused(Forged.tree(files: [Forged.file("b"), Forged.file("a")]), "order") }

    @Test("two spellings of one character are two names")
    func canonicalEquivalence() throws {
        let tree = DirectoryTree(
            files: ["e\u{301}", "\u{e9}"].map { .init(name: $0, checksum: Sample.checksum) }, folders: [])
        let decoded = try DirectoryTree(decoding: tree.encode())
        #expect(decoded.files.map { Array($0.name.utf8) } == [[0x65, 0xcc, 0x81], [0xc3, 0xa9]])
    }

    @Test("a checksum of 31 or 33 bytes is refused", arguments: [0, 31, 33])
    func checksumLength(count: Int) {
        refused(Forged.tree(files: [Forged.file("a", checksum: Array(repeating: 7, count: count))]), "32 bytes")
    }

    @Test("a framing offset beyond the end is refused")
    func offsetOutside() {
        var bytes = Forged.tree(files: [Forged.file("a")])
        bytes[bytes.count - 1] = 255
        refused(bytes, "outside")
    }

    @Test("framing offsets that decrease are refused")
    func offsetsDecrease() {
        var files = Forged.array([Forged.file("a"), Forged.file("b"), Forged.file("c")])
        files[files.count - 2] = 10
        refused(Forged.tuple([files, []]), "outside")
    }

    @Test("an array whose framing leaves no element is refused")
    func noElement() {
        let list: [UInt8] = [0, 0, 0, 4]
        refused(Forged.tuple([list, []]), "uneven")
    }

    @Test("the empty value is no tree, and neither is a single byte")
    func tooShort() {
        refused([], "missing")
        refused([0x41], "outside")
    }
}

@Suite struct DirectoryMetadataTests {
    @Test("owner, permissions and attributes are read as they were written")
    func roundTrip() throws {
        let metadata = DirectoryMetadata(Sample.attributes)
        #expect(try DirectoryMetadata(decoding: metadata.encode()) == metadata)
    }

    @Test("the mode of a file is refused")
    func modeOfFile() {
        var bytes = DirectoryMetadata(Sample.attributes).encode()
        bytes[10] = 0x81
        #expect(throws: FormatError.self) { try DirectoryMetadata(decoding: bytes) }
    }

    @Test("an attribute that stands there twice is refused")
    func duplicateAttribute() {
        let attribute = ExtendedAttribute(name: Array("user.a".utf8), value: [1])
        let bytes = DirectoryMetadata(FileAttributes(permissions: 0o755, extendedAttributes: [attribute, attribute]))
            .encode()
        #expect(throws: FormatError.self) { try DirectoryMetadata(decoding: bytes) }
    }

    @Test("an attribute without a name is refused")
    func namelessAttribute() {
        let bytes = DirectoryMetadata(
            FileAttributes(permissions: 0o755, extendedAttributes: [ExtendedAttribute(name: [], value: [1])])
        ).encode()
        #expect(throws: FormatError.self) { try DirectoryMetadata(decoding: bytes) }
    }
}
