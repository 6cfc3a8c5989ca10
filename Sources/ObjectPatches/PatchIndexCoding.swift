import Checksums
import ObjectFormats

// The decoded form of an index; docs/disk-format.md has it byte by byte. In the origin it is one zstd frame, whose stored
// and decoded size and checksum stand in the release manifest.

extension PatchIndex {
    static let magic: [UInt8] = Array("HCPATCH\n".utf8)
    private static let what = "the patch index"

    /// The decoded form; the same index always gives the same bytes.
    public func encode() -> [UInt8] {
        var writer = ByteWriter()
        writer.add(Self.magic)
        writer.add(word: PatchLimits.format)
        writer.add(commit.bytes)
        writer.add(count: bases.count)
        for base in bases { writer.add(base.bytes) }
        writer.add(count: parts.count)
        for part in parts {
            writer.add(count: part.storedSize)
            writer.add(count: part.decodedSize)
            writer.add(part.checksum.bytes)
            writer.add(varint: part.bases.rawValue)
        }
        writer.add(count: sources.count)
        for source in sources { writer.add(source.name, source.size, source.spans) }
        writer.add(count: objects.count)
        for object in objects {
            writer.add(object.name, object.size, object.spans)
            writer.add(count: object.alternatives.count)
            for alternative in object.alternatives { writer.add(alternative) }
        }
        return writer.bytes
    }

    /// Reads bytes whose checksum was compared with signed metadata.
    ///
    /// - Throws: `PatchError.malformed`, `.unknownFormat`.
    public init(decoding bytes: [UInt8]) throws(PatchError) {
        self = try Self.reading(bytes) { (reader) throws(PatchError) in try Self(&reader) }
    }

    private static func reading<Result>(
        _ bytes: [UInt8], _ body: (inout ByteReader) throws(PatchError) -> Result
    ) throws(PatchError) -> Result {
        let result = bytes.withUnsafeBytes { buffer -> Swift.Result<Result, PatchError> in
            var reader = ByteReader(buffer, what: what)
            do throws(PatchError) { return .success(try body(&reader)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private init(_ reader: inout ByteReader) throws(PatchError) {
        for expected in Self.magic {
            guard try reader.byte() == expected else { throw reader.malformed("it does not begin as one") }
        }
        let format = try reader.word()
        guard format == PatchLimits.format else { throw .unknownFormat(format) }
        commit = try reader.checksum()
        bases = []
        for _ in 0..<(try reader.count(PatchLimits.bases, "bases")) { bases.append(try reader.checksum()) }
        parts = try reader.parts(bases: bases.count)
        sources = try reader.sources()
        objects = try reader.objects(parts: parts.count, sources: sources.count)
        guard reader.isAtEnd else { throw reader.malformed("bytes follow its end") }
    }
}

extension ObjectKind {
    /// The number in an index: a format's own, whatever the cases here are called.
    fileprivate var number: UInt8 {
        switch self {
        case .file: 0
        case .dirtree: 1
        case .dirmeta: 2
        case .commit: 3
        }
    }

    fileprivate init?(number: UInt8) {
        guard number < 4 else { return nil }
        self = [.file, .dirtree, .dirmeta, .commit][Int(number)]
    }
}

extension ByteWriter {
    fileprivate mutating func add(_ name: ObjectName, _ size: Int64, _ spans: [DeflateSpan]) {
        add(byte: name.kind.number)
        add(name.checksum.bytes)
        add(varint: UInt64(size))
        add(count: spans.count)
        var end: Int64 = 0
        for span in spans {
            add(varint: UInt64(span.start - end))
            add(varint: UInt64(span.storedSize))
            add(varint: UInt64(span.inflatedSize))
            add(byte: span.encoder.rawValue)
            add(byte: span.level)
            end = span.start + span.storedSize
        }
    }

    fileprivate mutating func add(_ alternative: PatchIndex.Alternative) {
        add(count: alternative.sources.count)
        for source in alternative.sources { add(count: source) }
        add(count: alternative.part)
        add(count: alternative.entry)
        add(count: alternative.partCount)
    }
}

extension ByteReader {
    fileprivate mutating func parts(bases: Int) throws(PatchError) -> [PatchIndex.Part] {
        var parts: [PatchIndex.Part] = []
        var offset: Int64 = 0
        for _ in 0..<(try count(PatchLimits.parts, "parts")) {
            let stored = try count(PatchLimits.storedPartBytes, "stored bytes of a part")
            let decoded = try count(PatchLimits.decodedPartBytes, "decoded bytes of a part")
            guard stored > 0 else { throw malformed("a part is empty") }
            parts.append(
                .init(
                    offset: offset, storedSize: stored, decodedSize: decoded, checksum: try checksum(),
                    bases: BaseSet(rawValue: try varint())))
            offset += Int64(stored)
            guard bases >= 64 || (parts.last?.bases.rawValue ?? 0) >> UInt64(bases) == 0 else {
                throw malformed("a part is for a base that is not there")
            }
        }
        return parts
    }

    fileprivate mutating func sources() throws(PatchError) -> [PatchIndex.Source] {
        var sources: [PatchIndex.Source] = []
        for _ in 0..<(try count(PatchLimits.sources, "sources")) {
            let (name, size) = (try name(), try size())
            sources.append(.init(name: name, size: size, spans: try spans(in: size, isTarget: false)))
        }
        return sources
    }

    fileprivate mutating func objects(parts: Int, sources: Int) throws(PatchError) -> [PatchIndex.Object] {
        var objects: [PatchIndex.Object] = []
        var references = 0
        for _ in 0..<(try count(PatchLimits.objects, "objects")) {
            let (name, size) = (try name(), try size())
            if let last = objects.last?.name, !(last < name) { throw malformed("its objects are not in order") }
            var object = PatchIndex.Object(
                name: name, size: size, spans: try spans(in: size, isTarget: true), alternatives: [])
            for _ in 0..<(try count(PatchLimits.alternatives, "alternatives")) {
                let alternative = try alternative(parts: parts, sources: sources)
                references += 1 + alternative.sources.count + alternative.partCount
                guard references <= PatchLimits.references else { throw malformed("it refers to too much") }
                object.alternatives.append(alternative)
            }
            guard !object.alternatives.isEmpty else { throw malformed("an object cannot be made in any way") }
            objects.append(object)
        }
        return objects
    }

    private mutating func name() throws(PatchError) -> ObjectName {
        guard let kind = ObjectKind(number: try byte()) else { throw malformed("an object is of no known kind") }
        return ObjectName(try checksum(), kind)
    }

    private mutating func size() throws(PatchError) -> Int64 {
        let size = try varint()
        guard size <= PatchLimits.objectBytes else { throw malformed("an object is too large") }
        return Int64(size)
    }

    private mutating func spans(in size: Int64, isTarget: Bool) throws(PatchError) -> [DeflateSpan] {
        var spans: [DeflateSpan] = []
        var end: Int64 = 0
        for _ in 0..<(try count(PatchLimits.spans, "deflate spans")) {
            let start = end + (try self.size())
            let span = DeflateSpan(
                start: start, storedSize: try self.size(), inflatedSize: try self.size(), encoder: try encoder(),
                level: try byte())
            end = start + span.storedSize
            guard end <= size else { throw malformed("a deflate span lies outside its object") }
            guard
                isTarget
                    ? span.encoder == .gzip && GzipDeflater.levels.contains(Int(span.level))
                    : span.encoder == .none && span.level == 0
            else {
                throw malformed("a deflate span cannot be made again")
            }
            spans.append(span)
        }
        return spans
    }

    private mutating func encoder() throws(PatchError) -> DeflateSpan.Encoder {
        guard let encoder = DeflateSpan.Encoder(rawValue: try byte()) else {
            throw malformed("a deflate span is of no known encoder")
        }
        return encoder
    }

    private mutating func alternative(parts: Int, sources: Int) throws(PatchError) -> PatchIndex.Alternative {
        var needed: [Int] = []
        for _ in 0..<(try count(PatchLimits.sourcesOfAlternative, "sources")) {
            let source = try count(PatchLimits.sources, "sources")
            guard source < sources else { throw malformed("an alternative names a source that is not there") }
            needed.append(source)
        }
        let part = try count(PatchLimits.parts, "parts")
        let entry = try count(PatchLimits.decodedPartBytes, "entries")
        let partCount = try count(PatchLimits.parts, "parts")
        guard partCount > 0, part + partCount <= parts else {
            throw malformed("an alternative names a part that is not there")
        }
        return .init(sources: needed, part: part, entry: entry, partCount: partCount)
    }
}

extension ObjectName {
    /// The order of an index: by checksum, then by kind.
    static func < (left: ObjectName, right: ObjectName) -> Bool {
        left.checksum == right.checksum
            ? left.kind.number < right.kind.number : left.checksum < right.checksum
    }
}
