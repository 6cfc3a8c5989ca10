public import Checksums
public import ObjectFormats

/// What a release's pool holds: for each new object the ways to make it out of what a host has.
///
/// The unit of everything here is an *object stream*: the bytes that an object's checksum is made of. For a commit,
/// dirtree or dirmeta that is the object; for a file it is ostree's header, then the content. In a *view* of a stream,
/// spans of deflate data stand there inflated, so that what is compressed can be differenced.
public struct PatchIndex: Equatable, Sendable {
    /// The release's commit.
    public var commit: Checksum
    /// The commits that patches start from, the newest first.
    public var bases: [Checksum]
    /// In the order in which they lie in the pool, without gaps.
    public var parts: [Part]
    /// Objects that a host may have and patches refer to.
    public var sources: [Source]
    /// In the order of their names.
    public var objects: [Object]

    public init(commit: Checksum, bases: [Checksum], parts: [Part], sources: [Source], objects: [Object]) {
        self.commit = commit
        self.bases = bases
        self.parts = parts
        self.sources = sources
        self.objects = objects
    }

    /// The bytes of the pool.
    public var poolSize: Int64 { parts.last.map { $0.offset + Int64($0.storedSize) } ?? 0 }

    /// The bytes of the pool that a host needs which has the commit `base`; `nil` when patches do not start there.
    public func poolBytes(from base: Checksum) -> Int64? {
        guard let position = bases.firstIndex(of: base) else { return nil }
        return parts.reduce(0) { $0 + ($1.bases.contains(position) ? Int64($1.storedSize) : 0) }
    }

    /// One zstd frame in the pool.
    public struct Part: Equatable, Sendable {
        /// Bytes from the pool's beginning.
        public var offset: Int64
        /// Bytes in the pool.
        public var storedSize: Int
        /// Bytes once decoded, exactly.
        public var decodedSize: Int
        /// Of the stored bytes; checked before they are decoded.
        public var checksum: Checksum
        /// The bases whose hosts need it. What a host needs is decided by what it has; this only foretells it.
        public var bases: BaseSet

        public init(offset: Int64, storedSize: Int, decodedSize: Int, checksum: Checksum, bases: BaseSet) {
            self.offset = offset
            self.storedSize = storedSize
            self.decodedSize = decodedSize
            self.checksum = checksum
            self.bases = bases
        }
    }

    /// An object that has to be in the store, or be made first.
    public struct Source: Hashable, Sendable {
        public var name: ObjectName
        /// The bytes of its stream, spans as they are stored.
        public var size: Int64
        /// What its view shows inflated, in order.
        public var spans: [DeflateSpan]

        public init(name: ObjectName, size: Int64, spans: [DeflateSpan] = []) {
            self.name = name
            self.size = size
            self.spans = spans
        }

        /// The bytes of its view.
        public var viewSize: Int64 { DeflateSpan.viewSize(size, spans) }
    }

    /// A new object.
    public struct Object: Equatable, Sendable {
        public var name: ObjectName
        /// The bytes of its stream.
        public var size: Int64
        /// What its view shows inflated and has to be compressed again, in order.
        public var spans: [DeflateSpan]
        /// At least one.
        public var alternatives: [Alternative]

        public init(name: ObjectName, size: Int64, spans: [DeflateSpan] = [], alternatives: [Alternative]) {
            self.name = name
            self.size = size
            self.spans = spans
            self.alternatives = alternatives
        }

        /// The bytes of its view, which is what a patch makes.
        public var viewSize: Int64 { DeflateSpan.viewSize(size, spans) }
    }

    /// One way to make an object.
    public struct Alternative: Equatable, Sendable {
        /// Positions in the index's `sources`; none when it needs nothing.
        public var sources: [Int]
        /// The position of the part that it begins in.
        public var part: Int
        /// Which of that part's entries it is; in the parts that follow it is the first.
        public var entry: Int
        /// Over how many parts it goes.
        public var partCount: Int

        public init(sources: [Int], part: Int, entry: Int, partCount: Int) {
            self.sources = sources
            self.part = part
            self.entry = entry
            self.partCount = partCount
        }

        /// The parts that it needs.
        public var parts: Range<Int> { part..<(part + partCount) }
    }
}

/// Deflate data (RFC 1951) within an object stream.
public struct DeflateSpan: Hashable, Sendable {
    /// How the data can be made again, byte for byte.
    public enum Encoder: UInt8, Sendable {
        /// Nobody has to: the span is in a source.
        case none = 0
        /// As GNU gzip 1.3 to 1.14 does, at `level`.
        case gzip = 1
    }

    /// Bytes from the stream's beginning.
    public var start: Int64
    /// Bytes of deflate data.
    public var storedSize: Int64
    /// Bytes once inflated.
    public var inflatedSize: Int64
    public var encoder: Encoder
    /// 1 to 9; 0 without an encoder.
    public var level: UInt8

    public init(start: Int64, storedSize: Int64, inflatedSize: Int64, encoder: Encoder = .none, level: UInt8 = 0) {
        self.start = start
        self.storedSize = storedSize
        self.inflatedSize = inflatedSize
        self.encoder = encoder
        self.level = level
    }

    static func viewSize(_ size: Int64, _ spans: [DeflateSpan]) -> Int64 {
        spans.reduce(size) { $0 - $1.storedSize + $1.inflatedSize }
    }
}

/// A set of the bases of an index, by their positions.
public struct BaseSet: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    init(_ position: Int) { rawValue = 1 << UInt64(position) }
    func contains(_ position: Int) -> Bool { contains(BaseSet(position)) }
}
