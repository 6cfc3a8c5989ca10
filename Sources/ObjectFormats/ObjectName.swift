public import Checksums

/// The kinds of object in an ostree repository; the raw value is the file name's ending in a bare one.
public enum ObjectKind: String, Hashable, Sendable {
    /// A regular file or symbolic link, with owner, mode and extended attributes.
    case file
    /// The names in a folder: `(a(say)a(sayay))`.
    case dirtree
    /// A folder's owner, mode and extended attributes: `(uuua(ayay))`.
    case dirmeta
    /// A root with its metadata: `(a{sv}aya(say)sstayay)`.
    case commit
}

/// What identifies an object.
public struct ObjectName: Hashable, Sendable, CustomStringConvertible {
    public let checksum: Checksum
    public let kind: ObjectKind

    public init(_ checksum: Checksum, _ kind: ObjectKind) {
        self.checksum = checksum
        self.kind = kind
    }

    public var description: String { "\(checksum.hex).\(kind.rawValue)" }

    /// Where it lies under `objects` of a bare repository: `ab/cdef….file`.
    public var barePath: String { path(ending: kind.rawValue) }

    /// Where it lies under `objects` of an archive repository, in which files are compressed.
    public var archivePath: String { path(ending: kind == .file ? "filez" : kind.rawValue) }

    private func path(ending: String) -> String {
        let hex = checksum.hex
        return "\(hex.prefix(2))/\(hex.dropFirst(2)).\(ending)"
    }
}
