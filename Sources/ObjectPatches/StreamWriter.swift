import LinuxSystem
import ObjectFormats
import ObjectStorage

/// Takes in an object's stream from the beginning and stages the object. One for each worker.
final class StreamWriter {
    private let transaction: StoreTransaction
    private let writer: BareObjectWriter
    private var name: ObjectName?
    private var remaining: Int64 = 0
    /// A file's header until it is complete; the whole of any other object.
    private var pending: [UInt8] = []
    private var hasHeader = false
    private static let headerLimit = 1 << 20

    init(_ transaction: StoreTransaction) {
        self.transaction = transaction
        writer = BareObjectWriter(transaction)
    }

    /// Starts an object of exactly `size` bytes.
    func begin(_ name: ObjectName, size: Int64) throws(PatchError) {
        abandon()
        guard name.kind == .file || size <= Int64(Store.metadataLimit) else { throw .notTheObject(name) }
        self.name = name
        remaining = size
    }

    /// - Throws: `PatchError.notTheObject` as soon as the bytes cannot be the object's; `SystemError`.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard let name else { return }
        remaining -= Int64(bytes.count)
        guard remaining >= 0 else { throw PatchError.notTheObject(name) }
        if hasHeader { return try writer.append(bytes) }
        if name.kind != .file { return pending.append(contentsOf: bytes) }
        let rest = try appendHeader(bytes, name)
        if hasHeader, !rest.isEmpty { try writer.append(rest) }
    }

    /// Takes what the header lacks; what is left is content.
    private func appendHeader(_ bytes: UnsafeRawBufferPointer, _ name: ObjectName) throws -> UnsafeRawBufferPointer {
        var rest = bytes
        take(8, from: &rest)
        guard pending.count >= 8 else { return rest }
        do throws(FormatError) {
            let length = 8 + (try FileHeader.archiveHeaderLength(pending.prefix(8), limit: Self.headerLimit))
            take(length, from: &rest)
            guard pending.count == length else { return rest }
            writer.begin(try FileHeader.decode(hashed: Array(pending[8...])))
        } catch { throw PatchError.notTheObject(name) }
        hasHeader = true
        return rest
    }

    private func take(_ count: Int, from rest: inout UnsafeRawBufferPointer) {
        let missing = max(0, min(count - pending.count, rest.count))
        pending.append(contentsOf: rest[..<missing])
        rest = UnsafeRawBufferPointer(rebasing: rest[missing...])
    }

    /// Verifies and stages the object.
    ///
    /// - Throws: `PatchError.notTheObject` when it is not the one that was begun; `SystemError`.
    func finish() throws {
        guard let name else { return }
        defer { abandon() }
        guard remaining == 0, hasHeader == (name.kind == .file) else { throw PatchError.notTheObject(name) }
        do {
            if hasHeader {
                _ = try writer.finish(expected: name.checksum)
            } else {
                try transaction.write(name.kind, pending, expected: name.checksum)
            }
        } catch is StoreError { throw PatchError.notTheObject(name) }
    }

    /// Drops an object that was begun.
    func abandon() {
        writer.abandon()
        name = nil
        pending.removeAll(keepingCapacity: true)
        hasHeader = false
    }
}
