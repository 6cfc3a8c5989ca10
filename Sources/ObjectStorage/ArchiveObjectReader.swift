import Checksums
import LinuxSystem
public import ObjectFormats

/// Turns the bytes of an archive object, as they arrive, into an object of a bare store. One for each worker.
///
/// The one place where unverified bytes are decompressed: under a declared bound, while they are hashed;
/// what does not hash to its name is dropped.
public final class ArchiveObjectReader {
    private enum Phase {
        case length
        case header(length: Int)
        case content
    }

    private let writer: BareObjectWriter
    private let inflater = Inflater()
    private var phase = Phase.length
    private var pending: [UInt8] = []
    private var name = ObjectName(SHA256.hash([]), .file)
    private var size: Int64 = 0
    private var remaining: UInt64 = 0
    private var limit: UInt64 = 0
    private let budget: SizeBudget?
    private var reserved: UInt64 = 0
    private var isLink = false

    /// - Parameter budget: what this reader's and other readers' objects may have together.
    public init(_ transaction: StoreTransaction, budget: SizeBudget? = nil) {
        writer = BareObjectWriter(transaction)
        self.budget = budget
    }

    deinit { giveBack() }

    /// Starts an object.
    ///
    /// - Parameter limit: the most bytes that it may have uncompressed, whatever the budget allows.
    public func begin(_ name: ObjectName, limit: UInt64 = .max) {
        giveBack()
        self.name = name
        self.limit = limit
        phase = .length
        pending.removeAll(keepingCapacity: true)
        inflater.reset()
        writer.abandon()
    }

    /// Takes in bytes.
    ///
    /// - Throws: `StoreError.corrupted` as soon as they cannot be the object; `SystemError`.
    public func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while true {
            switch phase {
            case .length:
                guard take(8, from: &rest) else { return }
                phase = .header(
                    length: try decoding { () throws(FormatError) in try FileHeader.archiveHeaderLength(pending) })
                pending.removeAll(keepingCapacity: true)
            case .header(let length):
                guard take(length, from: &rest) else { return }
                try beginContent()
            case .content:
                return try appendContent(rest)
            }
        }
    }

    /// Ends the object and stages it.
    ///
    /// - Returns: its uncompressed bytes.
    /// - Throws: `StoreError.corrupted`, `SystemError`.
    public func finish() throws -> Int64 {
        guard case .content = phase, isLink || inflater.isFinished, remaining == 0 else {
            abandon()
            throw StoreError.corrupted(name, actual: nil)
        }
        do { _ = try writer.finish(expected: name.checksum) } catch {
            giveBack()
            throw error
        }
        // Spent: there is nothing to give back any more.
        reserved = 0
        return size
    }

    /// Drops an object that was begun.
    public func abandon() {
        writer.abandon()
        giveBack()
    }

    private func giveBack() {
        budget?.giveBack(reserved)
        reserved = 0
    }

    private func take(_ count: Int, from rest: inout UnsafeRawBufferPointer) -> Bool {
        let missing = min(count - pending.count, rest.count)
        pending.append(contentsOf: rest[..<missing])
        rest = UnsafeRawBufferPointer(rebasing: rest[missing...])
        return pending.count == count
    }

    private func beginContent() throws {
        let (header, size) = try decoding { () throws(FormatError) in try FileHeader.decode(archive: pending) }
        isLink = header.content != .regular
        guard size <= limit, !isLink || size == 0 else { throw StoreError.corrupted(name, actual: nil) }
        if let budget {
            guard budget.take(size) else { throw StoreError.corrupted(name, actual: nil) }
            reserved = size
        }
        self.size = Int64(clamping: size)
        remaining = size
        writer.begin(header)
        phase = .content
    }

    private func appendContent(_ bytes: UnsafeRawBufferPointer) throws {
        if bytes.isEmpty { return }
        guard !isLink else { throw StoreError.corrupted(name, actual: nil) }
        do {
            try inflater.inflate(bytes) { output in
                guard output.count <= remaining else { throw StoreError.corrupted(name, actual: nil) }
                remaining -= UInt64(output.count)
                try writer.append(output)
            }
        } catch is DeflateError {
            throw StoreError.corrupted(name, actual: nil)
        }
    }

    private func decoding<T>(_ body: () throws(FormatError) -> T) throws(StoreError) -> T {
        do { return try body() } catch { throw .corrupted(name, actual: nil) }
    }
}
