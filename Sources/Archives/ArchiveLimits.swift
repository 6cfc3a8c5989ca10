/// What an archive may have at most; declared before its first byte is read.
public struct ArchiveLimits: Sendable, Equatable {
    /// Entries, extension headers and the folders that are only implied by a path.
    public var entries: Int
    /// Bytes of the whole archive, decompressed.
    public var bytes: UInt64
    /// Bytes of a path or of a link's target.
    public var path: Int
    /// Bytes of one extension header: a long name, or the attributes of one entry.
    public var extensionHeader: Int
    /// Bytes of all extension headers, names, targets and attributes together, most of which stay in memory; what each of
    /// them takes there besides is counted, too.
    public var metadata: Int

    public init(
        entries: Int = 1_000_000, bytes: UInt64 = 64 << 30, path: Int = 4095, extensionHeader: Int = 1 << 20,
        metadata: Int = 256 << 20
    ) {
        self.entries = entries
        self.bytes = bytes
        self.path = path
        self.extensionHeader = extensionHeader
        self.metadata = metadata
    }
}
