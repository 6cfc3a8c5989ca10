/// What precedes a file's content in its checksum, and in an archive object.
///
/// Source: ostree's `ostree-core.h`: `(uuuusa(ayay))` for the checksum, `(tuuuusa(ayay))` with the size before
/// it in an archive object; both behind a 32-bit big-endian length and four zero bytes.
public struct FileHeader: Hashable, Sendable {
    /// A regular file or the target of a symbolic link.
    public enum Content: Hashable, Sendable {
        case regular
        case link(target: String)
    }

    public var attributes: FileAttributes
    public var content: Content

    public init(attributes: FileAttributes, content: Content) {
        self.attributes = attributes
        self.content = content
    }

    /// The file type bits of `st_mode`.
    static let regularType: UInt32 = 0o100000
    static let linkType: UInt32 = 0o120000
    static let folderType: UInt32 = 0o040000

    /// A link's own permissions are always 0777.
    var mode: UInt32 {
        content == .regular ? Self.regularType | attributes.permissions : Self.linkType | 0o777
    }

    /// The bytes that are hashed before the content.
    public var checksumPrefix: [UInt8] { framed(size: nil) }

    /// The bytes that an archive object starts with.
    ///
    /// - Parameter size: the uncompressed size of the content in bytes; 0 for a link.
    public func archivePrefix(size: UInt64) -> [UInt8] { framed(size: size) }

    private func framed(size: UInt64?) -> [UInt8] {
        var writer = GVariantWriter()
        if let size { writer.addBigEndian(size) }
        for value in [attributes.uid, attributes.gid, mode, 0] { writer.addBigEndian(value) }
        if case .link(let target) = content { writer.add(string: target) } else { writer.add(string: "") }
        writer.add(attributes.encodedExtendedAttributes)
        let variant = writer.tuple(lastIsVariable: true)
        return withUnsafeBytes(of: UInt32(variant.count).bigEndian, Array.init) + [0, 0, 0, 0] + variant
    }

    /// The length of an archive object's header, from its first eight bytes.
    ///
    /// - Throws: `FormatError` when it is longer than `limit`.
    public static func archiveHeaderLength(_ first: some Collection<UInt8>, limit: Int = 1 << 20)
        throws(FormatError) -> Int
    {
        let length = first.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard first.count >= 8, length > 0, length <= limit else {
            throw FormatError("archive object", "its header claims \(length) bytes")
        }
        return length
    }

    /// Reads the header of an archive object, without the eight bytes before it.
    ///
    /// - Returns: the header and the uncompressed size of the content in bytes.
    /// - Throws: `FormatError`.
    public static func decode(archive bytes: [UInt8]) throws(FormatError) -> (header: FileHeader, size: UInt64) {
        let reader = GVariantReader(what: "archive object")
        let parts = try reader.tuple(bytes[...], [.fixed(size: 8)] + members)
        return (try header(parts.dropFirst(), reader), reader.bigEndian64(parts[0]))
    }

    /// Reads the header that is hashed before a file's content, without the eight bytes before it.
    ///
    /// - Throws: `FormatError`.
    public static func decode(hashed bytes: [UInt8]) throws(FormatError) -> FileHeader {
        let reader = GVariantReader(what: "file header")
        return try header(reader.tuple(bytes[...], members)[...], reader)
    }

    /// uid, gid, mode, device, link target, extended attributes.
    private static let members: [GVariantReader.Member] = [
        .fixed(size: 4), .fixed(size: 4), .fixed(size: 4), .fixed(size: 4), .variable(alignment: 1),
        .variable(alignment: 1),
    ]

    private static func header(
        _ members: ArraySlice<ArraySlice<UInt8>>, _ reader: GVariantReader
    ) throws(FormatError) -> FileHeader {
        let parts = Array(members)
        let mode = reader.bigEndian32(parts[2])
        let target = try reader.string(parts[4])
        let content: Content
        switch mode & 0o170000 {
        case regularType where target.isEmpty: content = .regular
        case linkType where !target.isEmpty: content = .link(target: target)
        default: throw FormatError(reader.what, "it is neither a regular file nor a symbolic link")
        }
        guard mode & ~0o177777 == 0, reader.bigEndian32(parts[3]) == 0 else {
            throw FormatError(reader.what, "its mode or device number is not that of a file")
        }
        let attributes = FileAttributes(
            uid: reader.bigEndian32(parts[0]), gid: reader.bigEndian32(parts[1]), permissions: mode,
            extendedAttributes: try FileAttributes.decodeExtendedAttributes(parts[5], reader))
        return FileHeader(attributes: attributes, content: content)
    }
}
