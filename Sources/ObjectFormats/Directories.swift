public import Checksums

/// A folder's owner, permissions and extended attributes: `(uuua(ayay))`.
public struct DirectoryMetadata: Hashable, Sendable {
    public var attributes: FileAttributes

    public init(_ attributes: FileAttributes) { self.attributes = attributes }

    public func encode() -> [UInt8] {
        var writer = GVariantWriter()
        for value in [attributes.uid, attributes.gid, FileHeader.folderType | attributes.permissions] {
            writer.addBigEndian(value)
        }
        writer.add(attributes.encodedExtendedAttributes)
        return writer.tuple(lastIsVariable: true)
    }

    /// - Throws: `FormatError`.
    public init(decoding bytes: [UInt8]) throws(FormatError) {
        let reader = GVariantReader(what: "dirmeta")
        let parts = try reader.tuple(
            bytes[...], [.fixed(size: 4), .fixed(size: 4), .fixed(size: 4), .variable(alignment: 1)])
        let mode = reader.bigEndian32(parts[2])
        guard mode & 0o170000 == FileHeader.folderType else { throw FormatError("dirmeta", "its mode is no folder's") }
        attributes = FileAttributes(
            uid: reader.bigEndian32(parts[0]), gid: reader.bigEndian32(parts[1]), permissions: mode,
            extendedAttributes: try FileAttributes.decodeExtendedAttributes(parts[3], reader))
    }
}

/// The names in a folder: `(a(say)a(sayay))`, both lists in byte order.
public struct DirectoryTree: Hashable, Sendable {
    /// A regular file or symbolic link.
    public struct File: Hashable, Sendable {
        public let name: String
        public let checksum: Checksum
        public init(name: String, checksum: Checksum) {
            self.name = name
            self.checksum = checksum
        }
    }

    /// A folder inside.
    public struct Folder: Hashable, Sendable {
        public let name: String
        public let tree: Checksum
        public let metadata: Checksum
        public init(name: String, tree: Checksum, metadata: Checksum) {
            self.name = name
            self.tree = tree
            self.metadata = metadata
        }
    }

    public private(set) var files: [File]
    public private(set) var folders: [Folder]

    /// Sorts both lists.
    public init(files: [File], folders: [Folder]) {
        self.files = files.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        self.folders = folders.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    public func encode() -> [UInt8] {
        var fileList = GVariantWriter()
        for file in files {
            var entry = GVariantWriter()
            entry.add(string: file.name)
            entry.add(file.checksum.bytes)
            fileList.add(entry.tuple(lastIsVariable: true))
        }
        var folderList = GVariantWriter()
        for folder in folders {
            var entry = GVariantWriter()
            entry.add(string: folder.name)
            entry.add(folder.tree.bytes)
            entry.add(folder.metadata.bytes)
            folderList.add(entry.tuple(lastIsVariable: true))
        }
        var writer = GVariantWriter()
        writer.add(fileList.array())
        writer.add(folderList.array())
        return writer.tuple(lastIsVariable: true)
    }

    /// Reads a tree and refuses what could lead out of it, or that two readers could see differently: names `.`,
    /// `..`, empty ones, ones with `/`, names that stand there twice, and lists that are not in byte order.
    ///
    /// - Throws: `FormatError`.
    public init(decoding bytes: [UInt8]) throws(FormatError) {
        let reader = GVariantReader(what: "dirtree")
        let text = GVariantReader.Member.variable(alignment: 1)
        let parts = try reader.tuple(bytes[...], [text, text])
        files = []
        for element in try reader.array(parts[0]) {
            let entry = try reader.tuple(element, [text, text])
            let name = try Self.name(entry[0], after: files.last?.name, reader)
            files.append(File(name: name, checksum: try Self.checksum(entry[1])))
        }
        folders = []
        for element in try reader.array(parts[1]) {
            let entry = try reader.tuple(element, [text, text, text])
            let name = try Self.name(entry[0], after: folders.last?.name, reader)
            folders.append(
                Folder(name: name, tree: try Self.checksum(entry[1]), metadata: try Self.checksum(entry[2])))
        }
        try requireDistinctNames()
    }

    /// Names are compared by their bytes: Swift's `==` takes two spellings of one character for the same.
    private static func name(
        _ bytes: ArraySlice<UInt8>, after previous: String?, _ reader: GVariantReader
    ) throws(FormatError) -> String {
        let name = try reader.string(bytes)
        guard isValidName(name) else { throw FormatError("dirtree", "'\(name)' is not a name for a file") }
        guard previous.map({ $0.utf8.lexicographicallyPrecedes(name.utf8) }) ?? true else {
            throw FormatError("dirtree", "'\(name)' stands there twice or out of order")
        }
        return name
    }

    /// Both lists are in order; no file may have the name of a folder.
    private func requireDistinctNames() throws(FormatError) {
        var rest = files[...]
        for folder in folders {
            rest = rest.drop { $0.name.utf8.lexicographicallyPrecedes(folder.name.utf8) }
            guard let file = rest.first, file.name.utf8.elementsEqual(folder.name.utf8) else { continue }
            throw FormatError("dirtree", "'\(file.name)' is both a file and a folder")
        }
    }

    /// Whether a folder may hold this name.
    public static func isValidName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
            && name.utf8.count <= 255
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> Checksum {
        guard let checksum = Checksum(bytes: bytes) else { throw FormatError("dirtree", "a checksum is not 32 bytes") }
        return checksum
    }
}
