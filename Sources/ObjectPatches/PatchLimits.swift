/// What a reader accepts, whatever an index says. Declared here, checked before memory is taken.
public enum PatchLimits {
    /// The number of the format.
    public static let format: UInt32 = 1
    /// The most bytes an index may have before it is compressed.
    public static let indexBytes = 64 << 20
    /// The most bytes of a part once it is decoded. Together with `storedPartBytes` it bounds a worker's memory.
    public static let decodedPartBytes = 8 << 20
    /// The most bytes of a part in the pool: what does not compress grows a little.
    public static let storedPartBytes = decodedPartBytes + (64 << 10)
    /// The binary logarithm of the largest zstd window: 8 MiB.
    public static let windowLog: Int32 = 23
    /// Commits, parts, objects, sources of an index; alternatives, sources, deflate spans of an object.
    static let bases = 64
    static let parts = 1 << 20
    static let objects = 1 << 21
    static let sources = 1 << 21
    static let alternatives = 64
    static let sourcesOfAlternative = 1 << 16
    static let spans = 64
    /// All alternatives of an index, their sources and their parts, together: each takes memory when it is read.
    static let references = 1 << 22
    /// The most bytes that one object may have.
    static let objectBytes: UInt64 = 1 << 40
}
