/// One entry of a tar archive; the content of a file comes apart from it.
public struct TarEntry: Equatable, Sendable {
    /// What it is.
    public enum Kind: Equatable, Sendable {
        /// A regular file with its size in bytes.
        case file(size: Int64)
        case folder
        /// A symbolic link.
        case link(target: [UInt8])
        /// Another name for an earlier entry.
        case hardLink(target: [UInt8])
        case characterDevice(major: UInt32, minor: UInt32)
        case blockDevice(major: UInt32, minor: UInt32)
        case pipe
    }

    /// An extended attribute: a name without NUL, and its value.
    public struct Attribute: Equatable, Sendable {
        public let name: [UInt8]
        public let value: [UInt8]

        public init(name: [UInt8], value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    /// As the archive has it; see `TarPath` for what it may be.
    public var path: [UInt8]
    public var kind: Kind
    /// The bits of 07777.
    public var permissions: UInt32
    public var uid: UInt32
    public var gid: UInt32
    /// Seconds since 1970.
    public var modified: Int64
    public var attributes: [Attribute]

    public init(
        path: [UInt8], kind: Kind, permissions: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, modified: Int64 = 0,
        attributes: [Attribute] = []
    ) {
        self.path = path
        self.kind = kind
        self.permissions = permissions
        self.uid = uid
        self.gid = gid
        self.modified = modified
        self.attributes = attributes
    }
}
