public import ObjectStorage

/// Makes objects out of what is here and what a pool has of them, and stages them. One for each worker; its memory does
/// not grow with the size of objects.
///
/// What comes out is hashed while it is written: a damaged source or a wrong patch makes an error, never an object.
public final class PatchApplier {
    private let transaction: StoreTransaction
    private let index: PatchIndex
    private let writer: StreamWriter
    private let buffer: UnsafeMutableRawBufferPointer
    private var sources: [Int] = []
    private var source: SourceView?
    private var view: ViewWriter?

    public init(_ transaction: StoreTransaction, _ index: PatchIndex) {
        self.transaction = transaction
        self.index = index
        writer = StreamWriter(transaction)
        buffer = .allocate(byteCount: 256 << 10, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// Starts to make an object. One that was not finished is dropped.
    ///
    /// - Throws: `PatchError`.
    public func begin(_ object: PatchIndex.Object, _ alternative: PatchIndex.Alternative) throws {
        abandon()
        sources = alternative.sources
        try writer.begin(object.name, size: object.size)
        view = ViewWriter(object, writer)
    }

    /// Takes in the next piece: the reader's next entry. An object that goes over several parts has one in each.
    ///
    /// - Throws: `PatchError`; `StoreError.missing` when a source is not here; `SystemError`.
    public func append(entryOf part: PartReader) throws {
        guard let view else { return }
        var source = self.source
        try part.readEntry { operation in
            switch operation {
            case .insert(let bytes): try view.append(bytes)
            case .source(let position): source = try openSource(position)
            case .copy(let offset, let length):
                if source == nil { source = try openSource(0) }
                if let source { try copy(source, offset, length, to: view) }
            case .add(let offset, let difference):
                if source == nil { source = try openSource(0) }
                if let source { try add(source, offset, difference, to: view) }
            }
        }
        self.source = source
    }

    /// Verifies the object and stages it.
    ///
    /// - Throws: `PatchError.notTheObject`, `SystemError`.
    public func finish() throws {
        defer { abandon() }
        try view?.finish()
        try writer.finish()
    }

    /// Drops an object that was begun.
    public func abandon() {
        writer.abandon()
        source = nil
        view = nil
    }

    private func openSource(_ position: Int) throws -> SourceView {
        guard position < sources.count else {
            throw PatchError.malformed(what: "a patch", detail: "it names a source that is not there")
        }
        return try SourceView(index.sources[sources[position]], in: transaction)
    }

    private func copy(_ source: SourceView, _ offset: Int64, _ length: Int, to view: ViewWriter) throws {
        var done = 0
        while done < length {
            let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, length - done)])
            try source.read(offset + Int64(done), into: chunk)
            try view.append(UnsafeRawBufferPointer(chunk))
            done += chunk.count
        }
    }

    private func add(
        _ source: SourceView, _ offset: Int64, _ difference: UnsafeRawBufferPointer, to view: ViewWriter
    ) throws {
        var done = 0
        while done < difference.count {
            let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, difference.count - done)])
            try source.read(offset + Int64(done), into: chunk)
            for index in 0..<chunk.count { chunk[index] &+= difference[done + index] }
            try view.append(UnsafeRawBufferPointer(chunk))
            done += chunk.count
        }
    }
}
