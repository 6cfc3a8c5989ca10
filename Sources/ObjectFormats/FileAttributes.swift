/// An extended attribute: a name without NUL, and its value.
public struct ExtendedAttribute: Hashable, Sendable {
    public let name: [UInt8]
    public let value: [UInt8]

    public init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// Owner, permissions and extended attributes: what ostree keeps of an inode besides its type and content.
public struct FileAttributes: Hashable, Sendable {
    public var uid: UInt32
    public var gid: UInt32
    /// The bits of 07777; the file type is not among them.
    public var permissions: UInt32
    /// In the order of their names, as checksums need it.
    public private(set) var extendedAttributes: [ExtendedAttribute]

    public init(uid: UInt32 = 0, gid: UInt32 = 0, permissions: UInt32, extendedAttributes: [ExtendedAttribute] = []) {
        self.uid = uid
        self.gid = gid
        self.permissions = permissions & 0o7777
        self.extendedAttributes = extendedAttributes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// `a(ayay)`, names with their NUL.
    var encodedExtendedAttributes: [UInt8] {
        if extendedAttributes.isEmpty { return [] }
        var writer = GVariantWriter()
        for attribute in extendedAttributes {
            var pair = GVariantWriter()
            pair.add(attribute.name + [0])
            pair.add(attribute.value)
            writer.add(pair.tuple(lastIsVariable: true))
        }
        return writer.array()
    }

    static func decodeExtendedAttributes(
        _ bytes: ArraySlice<UInt8>, _ reader: GVariantReader
    ) throws(FormatError) -> [ExtendedAttribute] {
        var attributes: [ExtendedAttribute] = []
        for element in try reader.array(bytes) {
            let pair = try reader.tuple(element, [.variable(alignment: 1), .variable(alignment: 1)])
            guard pair[0].last == 0, pair[0].count > 1, !pair[0].dropLast().contains(0) else {
                throw FormatError(reader.what, "an extended attribute has no proper name")
            }
            attributes.append(ExtendedAttribute(name: Array(pair[0].dropLast()), value: Array(pair[1])))
        }
        guard Set(attributes.map(\.name)).count == attributes.count else {
            throw FormatError(reader.what, "an extended attribute stands there twice")
        }
        return attributes
    }
}
