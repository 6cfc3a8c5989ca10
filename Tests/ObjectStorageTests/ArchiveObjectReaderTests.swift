import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

/// What an origin, a mirror or a proxy could send instead of an object.
@Suite struct ArchiveObjectReaderTests {
    private let temporary: TemporaryFolder
    private let store: Store
    private let transaction: StoreTransaction
    private let content: [UInt8]
    private let header = FileHeader(
        attributes: FileAttributes(uid: 3, gid: 4, permissions: 0o4711), content: .regular)

    init() throws {
        temporary = try TemporaryFolder()
        store = try temporary.store()
        transaction = try StoreTransaction(store)
        content = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
    }

    private var name: ObjectName { ObjectName(SHA256.hash(header.checksumPrefix + content), .file) }
    private var valid: [UInt8] { header.archivePrefix(size: UInt64(content.count)) + deflated(content) }

    /// Reads an object whose pieces have `step` bytes.
    private func read(
        _ bytes: [UInt8], as name: ObjectName, limit: UInt64 = 1 << 20, step: Int = 5000,
        in transaction: StoreTransaction
    ) throws -> Int64 {
        let reader = ArchiveObjectReader(transaction)
        reader.begin(name, limit: limit)
        for start in stride(from: 0, to: bytes.count, by: step) {
            try bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { try reader.append($0) }
        }
        return try reader.finish()
    }

    private func refused(
        _ bytes: [UInt8], as name: ObjectName? = nil, limit: UInt64 = 1 << 20,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let expected = name ?? self.name
        let transaction = try StoreTransaction(store)
        let error = #expect(throws: StoreError.self, sourceLocation: location) {
            try read(bytes, as: expected, limit: limit, in: transaction)
        }
        if case .corrupted(expected, _)? = error {} else { Issue.record("\(error as Any)", sourceLocation: location) }
        #expect(transaction.stagedCount == 0, sourceLocation: location)
        try transaction.commit()
        #expect(try store.objectFiles() == [], sourceLocation: location)
    }

    @Test("fed whole, in odd pieces or byte by byte, it is the same object", arguments: [1 << 20, 4093, 1])
    func pieces(step: Int) throws {
        #expect(try read(valid, as: name, step: step, in: transaction) == Int64(content.count))
        try transaction.commit()
        #expect(try ObjectVerifier().checksum(ofFileAt: store.path(of: name)) == name.checksum)
    }

    @Test("a truncated object is refused, wherever it ends", arguments: [0, 3, 8, 20, 60, 5000, -1])
    func truncated(count: Int) throws {
        try refused(count < 0 ? Array(valid.dropLast(-count)) : Array(valid.prefix(count)))
    }

    @Test("a byte after the end is refused")
    func trailing() throws { try refused(valid + [0]) }

    @Test("a second stream after the first is refused")
    func secondStream() throws { try refused(valid + deflated([1])) }

    @Test("a declared size that is too small is refused as soon as it is passed")
    func sizeTooSmall() throws {
        try refused(header.archivePrefix(size: UInt64(content.count) - 1) + deflated(content))
    }

    @Test("a declared size that is too large is refused")
    func sizeTooLarge() throws {
        try refused(header.archivePrefix(size: UInt64(content.count) + 1) + deflated(content))
    }

    @Test("a declared size over the limit is refused before anything is inflated", arguments: [599_999, 0])
    func overLimit(limit: UInt64) throws { try refused(valid, limit: limit) }

    @Test("objects that are read at once share one budget: taken by the header, kept when whole, else given back")
    func sharedBudget() throws {
        let budget = SizeBudget(UInt64(content.count) + 1000)
        let (first, second) = (
            ArchiveObjectReader(transaction, budget: budget), ArchiveObjectReader(transaction, budget: budget)
        )
        let bytes = valid
        first.begin(name)
        try bytes.prefix(400_000).withUnsafeBytes { try first.append($0) }
        #expect(budget.remaining == 1000)
        second.begin(name)
        #expect(throws: StoreError.self) { try bytes.withUnsafeBytes { try second.append($0) } }
        #expect(budget.remaining == 1000)
        first.abandon()
        second.begin(name)
        try bytes.withUnsafeBytes { try second.append($0) }
        #expect(try second.finish() == Int64(content.count))
        second.abandon()
        #expect(budget.remaining == 1000)
    }

    @Test("a declared size of 2^64 - 1 is refused")
    func absurdSize() throws { try refused(header.archivePrefix(size: .max) + deflated(content)) }

    @Test("a bomb that inflates beyond what it declares is stopped there")
    func bomb() throws {
        let bomb = header.archivePrefix(size: 1000) + deflated(Array(repeating: 0, count: 50_000_000))
        #expect(bomb.count < 100_000)
        try refused(bomb)
    }

    @Test("content that is no deflate stream is refused")
    func noDeflate() throws { try refused(header.archivePrefix(size: 5) + Array(repeating: 0xff, count: 40)) }

    @Test(
        "a header length of zero, or longer than any header, is refused", arguments: [[0, 0, 0, 0], [0x7f, 0, 0, 0]])
    func headerLength(length: [UInt8]) throws { try refused(length + [0, 0, 0, 0] + Array(repeating: 1, count: 100)) }

    @Test("a character device is refused")
    func device() throws {
        var bytes = valid
        bytes[24] = 0
        bytes[26] = 0x21
        try refused(bytes)
    }

    @Test("the content of another object is refused")
    func wrongContent() throws {
        var other = content
        other[300_000] ^= 1
        try refused(header.archivePrefix(size: UInt64(other.count)) + deflated(other))
    }

    @Test("another owner or another mode is another object")
    func wrongAttributes() throws {
        var other = header
        other.attributes.permissions = 0o4755
        try refused(other.archivePrefix(size: UInt64(content.count)) + deflated(content))
        other = header
        other.attributes.uid = 0
        try refused(other.archivePrefix(size: UInt64(content.count)) + deflated(content))
    }

    @Test("a link is read, and one with content is refused")
    func link() throws {
        let link = FileHeader(attributes: FileAttributes(permissions: 0o777), content: .link(target: "../x"))
        let name = ObjectName(SHA256.hash(link.checksumPrefix), .file)
        try refused(link.archivePrefix(size: 0) + [3, 0], as: name)
        try refused(link.archivePrefix(size: 1), as: name)
        let second = try StoreTransaction(store)
        let reader = ArchiveObjectReader(second)
        reader.begin(name, limit: 0)
        try link.archivePrefix(size: 0).withUnsafeBytes { try reader.append($0) }
        #expect(try reader.finish() == 0)
        try second.commit()
        #expect(Files.linkTarget(store.path(of: name)) == "../x")
    }

    @Test("one reader goes on with the next object after a damaged one")
    func afterDamage() throws {
        let reader = ArchiveObjectReader(transaction)
        let bytes = valid
        reader.begin(name, limit: 1 << 20)
        try bytes.prefix(400_000).withUnsafeBytes { try reader.append($0) }
        #expect(throws: StoreError.self) { try reader.finish() }
        reader.begin(name, limit: 1 << 20)
        try bytes.withUnsafeBytes { try reader.append($0) }
        #expect(try reader.finish() == Int64(content.count))
        try transaction.commit()
        #expect(try store.temporaryNames() == [])
    }

    @Test("random damage never stages anything")
    func fuzz() throws {
        let small = Array("hello".utf8)
        let name = ObjectName(SHA256.hash(header.checksumPrefix + small), .file)
        let bytes = header.archivePrefix(size: 5) + deflated(small)
        let reader = ArchiveObjectReader(transaction)
        // The four bytes after the length and deflate's padding mean nothing, so damage there may pass.
        for index in bytes.indices where !(4..<8).contains(index) && index < bytes.count - 3 {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                reader.begin(name, limit: 1 << 20)
                #expect(throws: StoreError.self, "byte \(index), bit \(bit)") {
                    try damaged.withUnsafeBytes { try reader.append($0) }
                    _ = try reader.finish()
                }
            }
        }
        #expect(transaction.stagedCount == 0)
    }
}
