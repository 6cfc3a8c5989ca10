/// Reads a tar archive entry by entry: ustar, pax and GNU's long names, from a stream.
///
/// Strict where two readers could see different things: an archive without its end marker is truncated, links and folders
/// have no content, extension headers follow their format. Sparse files, access lists and volumes are refused by name.
public final class TarReader {
    private let blocks: BlockReader
    private let limits: ArchiveLimits
    private var entryCount = 0
    private var metadataCount = 0
    private var global = PaxRecords()
    /// Of the present entry's content, and the zeros that fill its last block.
    private var content: UInt64 = 0
    private var padding: UInt64 = 0
    private var isAtEnd = false

    /// - Parameters:
    ///   - source: decompressed bytes; see `DecompressedSource`.
    ///   - limits: what is refused as too much.
    public init(_ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits()) {
        blocks = BlockReader(source, limit: limits.bytes)
        self.limits = limits
    }

    /// The next entry, or `nil` behind the end marker. What was not read of the present one is skipped.
    ///
    /// - Throws: `ArchiveError`, what the source throws.
    public func next() throws -> TarEntry? {
        try skipContent()
        if isAtEnd { return nil }
        var extensions = Extensions()
        while true {
            guard let header = try nextHeader() else {
                guard extensions.isEmpty else { throw malformed("a long name belongs to no entry") }
                return nil
            }
            try count(entries: 1)
            switch header.type {
            case UInt8(ascii: "x"), UInt8(ascii: "X"): try extensions.set(try records(header), self)
            case UInt8(ascii: "g"): try setGlobal(try records(header))
            case UInt8(ascii: "L"): try extensions.set(path: try longName(header), self)
            case UInt8(ascii: "K"): try extensions.set(target: try longName(header), self)
            case UInt8(ascii: "V"): continue
            default: return try entry(header, extensions)
            }
        }
    }

    /// Hands on the present entry's content, in portions.
    ///
    /// - Throws: `ArchiveError.truncated`; what `body` and the source throw.
    public func readContent(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let count = content
        content = 0
        try blocks.forward(count, body)
    }

    /// The present entry's content as a whole.
    ///
    /// - Throws: `ArchiveError.limitExceeded` when it has more than `limit` bytes.
    public func readContent(limit: Int) throws -> [UInt8] {
        guard content <= UInt64(limit) else { throw tooMuch("an entry has \(content) bytes instead of \(limit)") }
        var bytes: [UInt8] = []
        try readContent { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Counts what is kept for this archive besides entries, such as folders that a path implies.
    ///
    /// - Throws: `ArchiveError.limitExceeded`.
    public func count(entries: Int) throws {
        entryCount += entries
        guard entryCount <= limits.entries else { throw tooMuch("it has more than \(limits.entries) entries") }
    }

    /// Counts what names and attributes take in memory: small ones take more for their arrays than for their bytes.
    private func count(metadata bytes: Int, items: Int = 0, of itemSize: Int = 0) throws {
        metadataCount += bytes + items * itemSize
        guard metadataCount <= limits.metadata else {
            throw tooMuch("names and attributes over \(limits.metadata) bytes")
        }
    }

    private static let entrySize = 128
    private static let attributeSize = 128
    private static let recordSize = 64

    /// What is left of the limits, for another archive that belongs to the same whole.
    public var remaining: ArchiveLimits {
        var left = limits
        left.entries -= entryCount
        left.bytes -= min(left.bytes, blocks.taken)
        left.metadata -= metadataCount
        return left
    }

    /// The archive, for messages.
    public var name: String { blocks.name }

    // MARK: headers

    private func skipContent() throws {
        try blocks.forward(content) { _ in }
        content = 0
        try blocks.forward(padding) { _ in }
        padding = 0
    }

    /// `nil` at the end marker, after everything that follows it.
    private func nextHeader() throws -> TarHeader? {
        let block = try blocks.take(TarHeader.size)
        guard block.count == TarHeader.size else {
            throw ArchiveError.truncated(archive: name, detail: "it ends without an end marker")
        }
        if block.allSatisfy({ $0 == 0 }) {
            isAtEnd = true
            try blocks.drain()
            return nil
        }
        guard let header = TarHeader(block) else { throw malformed("a header has not the checksum that it claims") }
        return header
    }

    /// A global header holds for every entry behind it, so that it costs something for each of them.
    private func setGlobal(_ records: PaxRecords) throws {
        let merged = records.merged(over: global)
        guard merged.count <= PaxRecords.globalCountLimit, merged.size <= limits.extensionHeader else {
            throw tooMuch("global headers have \(merged.count) records of \(merged.size) bytes")
        }
        global = merged
    }

    private func records(_ header: TarHeader) throws -> PaxRecords {
        guard let records = PaxRecords(try extensionBytes(header)) else { throw malformed("an extension header") }
        try count(metadata: 0, items: records.count, of: Self.recordSize)
        let refused = records.values.keys.first { $0.hasPrefix("GNU.sparse.") }
        if refused != nil { throw unsupported("a sparse file; use tar without --sparse") }
        for key in ["SCHILY.acl.access", "SCHILY.acl.default"] {
            guard let list = records.text(key) else { continue }
            if key.hasSuffix("default") || !Self.isTrivial(list) { throw unsupported("an access list (ACL)") }
        }
        return records
    }

    /// Whether an access list says no more than the permissions do.
    private static func isTrivial(_ list: [UInt8]) -> Bool {
        let text = String(decoding: list, as: UTF8.self)
        return text.split { $0 == "," || $0.isNewline }.allSatisfy { line in
            ["user::", "group::", "other::"].contains { line.hasPrefix($0) }
        }
    }

    private func longName(_ header: TarHeader) throws -> [UInt8] {
        var name = try extensionBytes(header)
        while name.last == 0 { name.removeLast() }
        guard !name.isEmpty else { throw malformed("a long name is empty") }
        return name
    }

    private func extensionBytes(_ header: TarHeader) throws -> [UInt8] {
        guard let size = header.contentSize else { throw malformed("a size is no number") }
        guard size <= limits.extensionHeader else { throw tooMuch("an extension header has \(size) bytes") }
        try count(metadata: Int(size))
        let bytes = try blocks.take(Int(size))
        guard bytes.count == size else {
            throw ArchiveError.truncated(archive: name, detail: "it ends in an extension header")
        }
        try blocks.forward(Self.padding(UInt64(size))) { _ in }
        return bytes
    }

    private static func padding(_ size: UInt64) -> UInt64 {
        (UInt64(TarHeader.size) - size % UInt64(TarHeader.size)) % UInt64(TarHeader.size)
    }

    // MARK: entries

    private func entry(_ header: TarHeader, _ extensions: Extensions) throws -> TarEntry {
        let records = (extensions.records ?? PaxRecords()).merged(over: global)
        let path = extensions.path ?? records.text("path") ?? header.path
        let target = extensions.target ?? records.text("linkpath") ?? header.linkTarget
        try check(path, "a path")
        let size = try number(records.number("size") ?? header.contentSize, "size")
        let entry = TarEntry(
            path: path, kind: try kind(header, path, target: target, size: size),
            permissions: UInt32(try number(header.mode, "mode") & 0o7777),
            uid: try identifier(records.number("uid") ?? header.uid, "owner"),
            gid: try identifier(records.number("gid") ?? header.gid, "group"),
            modified: try number(records.number("mtime") ?? header.modified, "time"),
            attributes: records.attributes)
        try count(metadata: path.count + target.count + Self.entrySize)
        try check(entry.attributes, path)
        if case .file(let size) = entry.kind {
            content = UInt64(size)
            padding = Self.padding(content)
        } else if size > 0 {
            throw malformed("\(TarPath.text(path)) is no file and has \(size) bytes of content")
        }
        return entry
    }

    private func kind(
        _ header: TarHeader, _ path: [UInt8], target: [UInt8], size: Int64
    ) throws -> TarEntry.Kind {
        switch header.type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
            // How the oldest format writes a folder.
            return path.last == UInt8(ascii: "/") ? .folder : .file(size: size)
        case UInt8(ascii: "1"):
            try check(target, "a link's target")
            return .hardLink(target: target)
        case UInt8(ascii: "2"):
            try check(target, "a link's target")
            return .link(target: target)
        case UInt8(ascii: "3"):
            return .characterDevice(major: try device(header.deviceMajor), minor: try device(header.deviceMinor))
        case UInt8(ascii: "4"):
            return .blockDevice(major: try device(header.deviceMajor), minor: try device(header.deviceMinor))
        case UInt8(ascii: "5"): return .folder
        case UInt8(ascii: "6"): return .pipe
        case UInt8(ascii: "S"): throw unsupported("a sparse file (\(TarPath.text(path))); use tar without --sparse")
        default:
            throw unsupported("\(TarPath.text(path)) of the unknown kind '\(TarPath.text([header.type]))'")
        }
    }

    fileprivate func check(_ text: [UInt8], _ what: String) throws {
        guard !text.isEmpty else { throw malformed("\(what) is empty") }
        guard text.count <= limits.path else { throw tooMuch("\(what) has \(text.count) bytes") }
        guard !text.contains(0) else { throw malformed("\(what) has a NUL in it") }
    }

    /// The kernel takes no longer list of names, and no file system more bytes of values.
    private func check(_ attributes: [TarEntry.Attribute], _ path: [UInt8]) throws {
        let names = attributes.reduce(0) { $0 + $1.name.count + 1 }
        let values = attributes.reduce(0) { $0 + $1.value.count }
        guard names <= Self.attributeLimit, values <= Self.attributeLimit else {
            throw tooMuch("\(TarPath.text(path)) has \(names + values) bytes of attributes")
        }
        try count(metadata: names + values, items: attributes.count, of: Self.attributeSize)
    }

    /// `XATTR_LIST_MAX` and `XATTR_SIZE_MAX` of `linux/limits.h`.
    private static let attributeLimit = 64 << 10

    private func number(_ value: Int64?, _ what: String) throws -> Int64 {
        guard let value, value >= 0 else { throw malformed("a \(what) is no number") }
        return value
    }

    private func identifier(_ value: Int64?, _ what: String) throws -> UInt32 {
        // The last one means "no change" to the kernel.
        guard let result = UInt32(exactly: try number(value, what)), result != .max else {
            throw malformed("an \(what) number does not fit into 32 bits")
        }
        return result
    }

    private func device(_ value: Int64?) throws -> UInt32 {
        guard let result = UInt32(exactly: try number(value, "device")) else { throw malformed("a device number") }
        return result
    }

    fileprivate func malformed(_ detail: String) -> ArchiveError { .malformed(archive: name, detail: detail) }
    private func unsupported(_ detail: String) -> ArchiveError { .unsupported(archive: name, detail: detail) }
    private func tooMuch(_ detail: String) -> ArchiveError { .limitExceeded(archive: name, detail: detail) }
}

/// What stands before an entry's header and belongs to it. One name of each kind: readers disagree about two.
private struct Extensions {
    private(set) var records: PaxRecords?
    private(set) var path: [UInt8]?
    private(set) var target: [UInt8]?

    var isEmpty: Bool { records == nil && path == nil && target == nil }

    mutating func set(_ records: PaxRecords, _ reader: TarReader) throws {
        guard self.records == nil else { throw reader.malformed("an entry has two extension headers") }
        self.records = records
        try checkDistinct(reader)
    }

    mutating func set(path: [UInt8], _ reader: TarReader) throws {
        guard self.path == nil else { throw reader.malformed("an entry has two long names") }
        self.path = path
        try checkDistinct(reader)
    }

    mutating func set(target: [UInt8], _ reader: TarReader) throws {
        guard self.target == nil else { throw reader.malformed("an entry has two long targets") }
        self.target = target
        try checkDistinct(reader)
    }

    private func checkDistinct(_ reader: TarReader) throws {
        guard path == nil || records?.text("path") == nil, target == nil || records?.text("linkpath") == nil else {
            throw reader.malformed("an entry has two long names")
        }
    }
}
