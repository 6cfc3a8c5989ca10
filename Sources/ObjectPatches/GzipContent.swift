import LinuxSystem
import ObjectStorage

/// A gzip file (RFC 1952) within an object's stream, with its deflate data inflated.
struct GzipContent {
    /// The stream, inflated.
    private(set) var view: [UInt8]
    private(set) var span: DeflateSpan
    /// What gzip notes of the level: whether it searched as long as it can.
    private let isBest: Bool

    /// Inflates the first member of the file.
    ///
    /// - Parameters:
    ///   - start: where in the stream the file begins.
    ///   - limit: the most bytes that the view may have.
    /// - Returns: `nil` when it is no gzip file, a damaged one or too large.
    init?(_ stream: [UInt8], from start: Int, limit: Int) {
        guard let dataStart = Self.dataStart(stream[start...]) else { return nil }
        isBest = stream[start + 8] == 2
        view = Array(stream[..<dataStart])
        guard let used = Self.inflate(stream[dataStart...], limit: limit, into: &view) else { return nil }
        span = DeflateSpan(
            start: Int64(dataStart), storedSize: Int64(used), inflatedSize: Int64(view.count - dataStart))
        view += stream[(dataStart + used)...]
    }

    private static let magic: [UInt8] = [0x1F, 0x8B, 8]
    /// A header, and the checksum and size at the end.
    private static let smallest = 18
    /// How much smaller deflate can make something, about.
    private static let bestRatio: Int64 = 1032

    /// Where the deflate data begins: after a fixed part, an extra field, a name, a comment and a checksum.
    private static func dataStart(_ file: ArraySlice<UInt8>) -> Int? {
        let start = file.startIndex
        guard file.count >= smallest, file[start..<(start + 3)].elementsEqual(magic) else { return nil }
        let flags = file[start + 3]
        var place = start + 10
        if flags & 4 != 0 { place += 2 + Int(file[place]) + Int(file[place + 1]) << 8 }
        for flag: UInt8 in [8, 16] where flags & flag != 0 {
            guard place < file.endIndex, let end = file[place...].firstIndex(of: 0) else { return nil }
            place = end + 1
        }
        if flags & 2 != 0 { place += 2 }
        return place < file.endIndex ? place : nil
    }

    /// What a gzip file says of its content's size, in bytes; `nil` for what is none. More than deflate can make of the
    /// file is not believed.
    ///
    /// - Throws: `SystemError`.
    static func announcedSize(of stream: ObjectStream) throws(SystemError) -> Int64? {
        let stored = stream.size - Int64(stream.prefix.count)
        guard stored >= smallest else { return nil }
        var (head, tail): ([UInt8], [UInt8]) = ([0, 0, 0], [0, 0, 0, 0])
        guard try stream.fill(&head, from: Int64(stream.prefix.count)), head == magic,
            try stream.fill(&tail, from: stream.size - 4)
        else { return nil }
        let size = tail.reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
        return min(size, stored * bestRatio)
    }

    private struct TooLarge: Error {}

    /// - Returns: how many bytes the data has; `nil` when it is damaged or makes the view too large.
    private static func inflate(_ data: ArraySlice<UInt8>, limit: Int, into view: inout [UInt8]) -> Int? {
        let inflater = Inflater()
        do {
            let used = try data.withUnsafeBytes { input in
                try inflater.inflatePrefix(input) { output in
                    guard view.count + output.count <= limit else { throw TooLarge() }
                    view.append(contentsOf: output)
                }
            }
            return inflater.isFinished ? used : nil
        } catch {
            // Whatever is wrong with it: then it is no gzip file to us.
            return nil
        }
    }

    /// The span with the level at which gzip makes exactly this data; `nil` when no level does.
    ///
    /// - Throws: `SystemError` when threads cannot be started.
    func recompressible(_ stream: [UInt8]) throws -> DeflateSpan? {
        let (start, stored) = (Int(span.start), Int(span.storedSize))
        let data = view[start..<(start + Int(span.inflatedSize))]
        // Nearly everything was made with the default or as small as possible.
        for level in isBest ? [9, 6] : [6, 9] {
            guard try Self.makes(stream[start..<(start + stored)], of: data, level: level) else { continue }
            var found = span
            found.encoder = .gzip
            found.level = UInt8(level)
            return found
        }
        return nil
    }

    private static func makes(_ expected: ArraySlice<UInt8>, of data: ArraySlice<UInt8>, level: Int) throws -> Bool {
        try data.withUnsafeBytes { data in
            try expected.withUnsafeBytes { expected in
                var comparison = Comparison(rest: expected)
                let deflater = GzipDeflater(level: level)
                for start in stride(from: 0, to: data.count, by: 1 << 18) {
                    let chunk = data[start..<min(start + 1 << 18, data.count)]
                    try deflater.append(UnsafeRawBufferPointer(rebasing: chunk)) { comparison.take($0) }
                    if !comparison.isEqual { return false }
                }
                try deflater.finish { comparison.take($0) }
                return comparison.isEqual && comparison.rest.isEmpty
            }
        }
    }
}

/// Compares bytes as they come with those that are expected.
private struct Comparison {
    var rest: UnsafeRawBufferPointer
    private(set) var isEqual = true

    init(rest: UnsafeRawBufferPointer) { self.rest = rest }

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        isEqual = isEqual && bytes.count <= rest.count && bytes.elementsEqual(rest[..<min(rest.count, bytes.count)])
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(bytes.count))
    }
}
