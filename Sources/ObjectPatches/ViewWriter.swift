import LinuxSystem

/// Takes in an object's view and hands on its stream: what stands there inflated is compressed again on the way.
final class ViewWriter {
    private let object: PatchIndex.Object
    private let writer: StreamWriter
    private var remainingSpans: ArraySlice<DeflateSpan>
    private var encoder: GzipDeflater?
    /// How many bytes are left until a span begins, or until the one that is being compressed ends.
    private var untilEdge: Int64 = 0
    private var streamPosition: Int64 = 0
    private var remaining: Int64

    init(_ object: PatchIndex.Object, _ writer: StreamWriter) {
        self.object = object
        self.writer = writer
        remainingSpans = object.spans[...]
        remaining = object.viewSize
        untilEdge = object.spans.first.map(\.start) ?? .max
    }

    /// - Throws: `PatchError.notTheObject` when there are more bytes than the view has, or a span does not come out as
    ///   long as it was; what the writer throws.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        remaining -= Int64(bytes.count)
        guard remaining >= 0 else { throw PatchError.notTheObject(object.name) }
        var rest = bytes
        while true {
            if untilEdge == 0 { try passEdge() }
            if rest.isEmpty { return }
            let count = Int(min(Int64(rest.count), untilEdge))
            let piece = UnsafeRawBufferPointer(rebasing: rest[..<count])
            if let encoder { try encoder.append(piece, writer.append) } else { try writer.append(piece) }
            if untilEdge != .max { untilEdge -= Int64(count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// - Throws: `PatchError.notTheObject` when bytes are missing.
    func finish() throws {
        if untilEdge == 0 { try passEdge() }
        guard remaining == 0, encoder == nil else { throw PatchError.notTheObject(object.name) }
    }

    private func passEdge() throws {
        while untilEdge == 0 {
            guard let span = remainingSpans.first else { return untilEdge = .max }
            if let encoder {
                try encoder.finish(writer.append)
                self.encoder = nil
                remainingSpans.removeFirst()
                let end = span.start + span.storedSize
                untilEdge = remainingSpans.first.map { $0.start - end } ?? .max
            } else {
                encoder = GzipDeflater(level: Int(span.level), threads: min(2, Workers.processorCount))
                untilEdge = span.inflatedSize
            }
        }
    }
}
