import Checksums
import ObjectFormats
import Testing

@Suite struct TreeReferencesTests {
    private func references(_ bytes: [UInt8]) throws -> (files: [Checksum], folders: [Checksum]) {
        var files: [Checksum] = []
        var folders: [Checksum] = []
        try bytes.withUnsafeBytes { bytes in
            try DirectoryTree.forEachReference(in: bytes, file: { files.append($0) }, folder: { folders += [$0, $1] })
        }
        return (files, folders)
    }

    @Test("the references are those of the decoded tree, whatever the width of its framing", arguments: [0, 1, 9, 300])
    func same(_ count: Int) throws {
        let tree = DirectoryTree(
            files: (0..<count * 10).map { .init(name: "file-\($0)", checksum: SHA256.hash([UInt8($0 % 251)])) },
            folders: (0..<count).map {
                .init(name: "folder-\($0)", tree: SHA256.hash([UInt8($0 % 251), 1]), metadata: SHA256.hash([2]))
            })
        let found = try references(tree.encode())
        #expect(found.files == tree.files.map(\.checksum))
        #expect(found.folders == tree.folders.flatMap { [$0.tree, $0.metadata] })
    }

    @Test("whatever is cut off or changed, nothing outside of the bytes is read")
    func damaged() throws {
        let bytes = Sample.tree(entries: 20).encode()
        for count in bytes.indices { _ = try? references(Array(bytes[..<count])) }  // an error or not, but no crash
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            var copy = bytes
            for _ in 0..<3 { copy[Int.random(in: copy.indices, using: &random)] = .random(in: 0...255, using: &random) }
            _ = try? references(copy)  // as above
        }
        #expect(throws: FormatError.self) { try references([1, 2, 200]) }
        #expect(throws: FormatError.self) { try references(Forged.tree(files: [Forged.file("a", checksum: [1, 2])])) }
    }
}
