import LinuxSystem
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
    /// Which of the sources is open.
    private var chosen = 0

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
        try part.readEntry { operation in
            switch operation {
            case .insert(let bytes): try view.append(bytes)
            case .source(let position): source = try openSource(position)
            case .copy(let offset, let length): try copy(present(), offset, length, to: view)
            case .add(let offset, let difference): try add(present(), offset, difference, to: view)
            }
        }
    }

    /// Verifies the object and stages it.
    ///
    /// - Throws: `PatchError.notTheObject`, `SystemError`.
    public func finish() throws {
        defer { abandon() }
        guard let view else { throw PatchError.malformed(what: "a patch", detail: "it makes no object") }
        try view.finish()
        try writer.finish()
    }

    /// Drops an object that was begun.
    public func abandon() {
        writer.abandon()
        source = nil
        view = nil
    }

    private func present() throws -> SourceView {
        let present = try source ?? openSource(0)
        source = present
        return present
    }

    private func openSource(_ position: Int) throws -> SourceView {
        if let source, position == chosen { return source }
        guard position < sources.count else {
            throw PatchError.malformed(what: "a patch", detail: "it names a source that is not there")
        }
        let source = index.sources[sources[position]]
        let view = try reading(source) { try SourceView(source, in: transaction) }
        chosen = position
        return view
    }

    /// Whatever is wrong with reading a source concerns the objects that need it, not the disk that is written to.
    private func reading<Result>(_ source: PatchIndex.Source, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as SystemError {
            throw PatchError.sourceUnreadable(source.name, detail: error.reason)
        }
    }

    private func copy(_ source: SourceView, _ offset: Int64, _ length: Int, to view: ViewWriter) throws {
        var done = 0
        while done < length {
            let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, length - done)])
            try source.readOrFail(offset + Int64(done), into: chunk)
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
            try source.readOrFail(offset + Int64(done), into: chunk)
            for index in 0..<chunk.count { chunk[index] &+= difference[done + index] }
            try view.append(UnsafeRawBufferPointer(chunk))
            done += chunk.count
        }
    }
}
