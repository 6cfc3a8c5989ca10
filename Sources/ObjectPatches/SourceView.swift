import Glibc
import LinuxSystem
import ObjectStorage

/// The view of an object that lies in the store, readable at any place. Not trusted: what is made of it is verified.
final class SourceView {
    private let source: PatchIndex.Source
    private let stream: ObjectStream
    /// The whole view, when it is small or was inflated.
    private var memory: [UInt8] = []
    /// The whole view, when it was inflated and is large.
    private let spool: Descriptor?
    private let spoolNumber: Int32?
    /// Up to here a view is kept in memory: nearly all are, and reading them costs one call.
    private static let memoryLimit: Int64 = 4 << 20

    /// Opens a source.
    ///
    /// - Throws: `StoreError.missing`; `PatchError.sourceDiffers` when it is not as long as the index says or its
    ///   compressed data is not; `SystemError`.
    init(_ source: PatchIndex.Source, in transaction: StoreTransaction) throws {
        guard let path = transaction.location(of: source.name) else { throw StoreError.missing(source.name) }
        self.source = source
        stream = try ObjectStream(source.name, path: path)
        guard stream.size == source.size else { throw PatchError.sourceDiffers(source.name) }
        let isSmall = source.viewSize <= Self.memoryLimit
        if source.spans.isEmpty || isSmall {
            spool = nil
            spoolNumber = nil
        } else {
            let file = try transaction.temporaryFile()
            spoolNumber = file.raw
            spool = consume file
        }
        if !source.spans.isEmpty { try inflate() } else if isSmall { memory = try read(0, count: Int(source.size)) }
    }

    /// Fills `buffer` with what begins at `offset`.
    ///
    /// - Throws: `PatchError.sourceDiffers` when the view ends before; `SystemError`.
    func read(_ offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws {
        let end = offset + Int64(buffer.count)
        guard offset >= 0, end <= source.viewSize else { throw PatchError.sourceDiffers(source.name) }
        if !memory.isEmpty {
            memory.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(end)]))
            }
        } else if source.spans.isEmpty {
            guard try stream.read(offset, into: buffer) else { throw PatchError.sourceDiffers(source.name) }
        } else if let raw = spoolNumber, try !readFully(raw, offset, into: buffer) {
            throw PatchError.sourceDiffers(source.name)
        }
    }

    /// Reads as `read` does.
    ///
    /// - Throws: `PatchError` alone.
    func readOrFail(_ offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws {
        do { try read(offset, into: buffer) } catch let error as SystemError {
            throw PatchError.sourceUnreadable(source.name, detail: error.reason)
        }
    }

    private func read(_ offset: Int64, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let isWhole = try bytes.withUnsafeMutableBytes { try stream.read(offset, into: $0) }
        guard isWhole else { throw PatchError.sourceDiffers(source.name) }
        return bytes
    }

    // MARK: the inflated form

    private func inflate() throws {
        let inflater = Inflater()
        var position: Int64 = 0
        for span in source.spans {
            try forEachChunk(from: position, to: span.start) { try keep($0) }
            try inflate(span, with: inflater)
            position = span.start + span.storedSize
        }
        try forEachChunk(from: position, to: source.size) { try keep($0) }
    }

    private func inflate(_ span: DeflateSpan, with inflater: Inflater) throws {
        inflater.reset()
        var remaining = span.inflatedSize
        do {
            try forEachChunk(from: span.start, to: span.start + span.storedSize) { chunk in
                try inflater.inflate(chunk) { output in
                    remaining -= Int64(output.count)
                    guard remaining >= 0 else { throw PatchError.sourceDiffers(source.name) }
                    try keep(output)
                }
            }
        } catch is DeflateError { throw PatchError.sourceDiffers(source.name) }
        guard remaining == 0, inflater.isFinished else { throw PatchError.sourceDiffers(source.name) }
    }

    private func forEachChunk(
        from start: Int64, to end: Int64, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var position = start
        while position < end {
            let chunk = try read(position, count: Int(min(end - position, 256 << 10)))
            try chunk.withUnsafeBytes(body)
            position += Int64(chunk.count)
        }
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) throws {
        guard let raw = spoolNumber else { return memory.append(contentsOf: bytes) }
        var rest = bytes
        while !rest.isEmpty {
            let count = try retrying("write", "an inflated object") { write(raw, rest.baseAddress, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}
