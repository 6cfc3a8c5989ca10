public import Archives
public import Checksums

/// Hashes the bytes that go through it, and compares them at the end.
public final class HashedSource: ByteSource {
    private let source: any ByteSource
    private let expected: Checksum
    private let what: String
    private var hasher = SHA256()
    private var isVerified = false

    /// - Parameters:
    ///   - expected: what all bytes together must hash to.
    ///   - what: the digest that failed, for messages.
    public init(_ source: any ByteSource, expected: Checksum, what: String) {
        self.source = source
        self.expected = expected
        self.what = what
    }

    public var name: String { source.name }

    /// - Throws: `RegistryError.blobMismatch` instead of the end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try source.read(into: buffer)
        if count > 0 {
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        } else if !isVerified {
            let actual = hasher.finish()
            guard actual == expected else {
                throw RegistryError.blobMismatch(digest: what, detail: "its bytes have the SHA-256 \(actual)")
            }
            isVerified = true
        }
        return count
    }

    /// Reads what is left, so that everything has been compared.
    ///
    /// - Throws: as `read`.
    public func finish() throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while try read(into: buffer) > 0 {}
    }
}
