import Checksums
import ObjectFormats

/// Values that the tests encode and damage.
enum Sample {
    static let checksum = SHA256.hash([1])
    static let other = SHA256.hash([2])

    static let commit = Commit(
        metadata: [
            Commit.Key.version: .string("13.2-1"), Commit.Key.refBinding: .strings(["lean-host/stable/x86_64", "b"]),
            Commit.Key.bootable: .bool(true), Commit.Key.packages: .rows([["bash", "5.2"], [], ["zlib1g", "1.3"]]),
            Commit.Key.installedSize: .uint64(1 << 40), "number": .uint32(7), "raw": .bytes([0, 1, 255]),
            "parts": .byteStrings([[1], [], [2, 3]]), "pair": .other(type: "(ii)", bytes: [1, 0, 0, 0, 2, 0, 0, 0]),
        ],
        subject: "Größe", body: "two\nlines", timestamp: 1_700_000_000, rootTree: checksum, rootMetadata: other,
        parent: SHA256.hash([3]))

    static let attributes = FileAttributes(
        uid: 1000, gid: 42, permissions: 0o4755,
        extendedAttributes: [
            ExtendedAttribute(name: Array("user.b".utf8), value: [1, 2, 3]),
            ExtendedAttribute(name: Array("security.capability".utf8), value: []),
        ])

    static func tree(entries: Int) -> DirectoryTree {
        DirectoryTree(
            files: (0..<entries).map { .init(name: "file-\($0)", checksum: checksum) },
            folders: (0..<entries / 10).map { .init(name: "folder-\($0)", tree: checksum, metadata: other) })
    }
}

/// GVariant containers written by hand, as an attacker would, with one-byte framing offsets.
enum Forged {
    /// A tuple whose members all have no fixed size.
    static func tuple(_ members: [[UInt8]]) -> [UInt8] {
        let ends = members.dropLast().reduce(into: [Int]()) { $0.append(($0.last ?? 0) + $1.count) }
        return members.flatMap { $0 } + ends.reversed().map { UInt8($0) }
    }

    /// An array of elements without a fixed size.
    static func array(_ elements: [[UInt8]]) -> [UInt8] {
        let ends = elements.reduce(into: [Int]()) { $0.append(($0.last ?? 0) + $1.count) }
        return elements.flatMap { $0 } + ends.map { UInt8($0) }
    }

    static func file(_ name: String, checksum: [UInt8] = Sample.checksum.bytes) -> [UInt8] {
        tuple([Array(name.utf8) + [0], checksum])
    }

    static func folder(_ name: String) -> [UInt8] {
        tuple([Array(name.utf8) + [0], Sample.checksum.bytes, Sample.other.bytes])
    }

    static func tree(files: [[UInt8]] = [], folders: [[UInt8]] = []) -> [UInt8] {
        let parts = [array(files), array(folders)]
        return tuple(parts)
    }
}
