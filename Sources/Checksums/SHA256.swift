import COpenSSL

/// SHA-256 through libcrypto, which uses the processor's own instructions.
///
/// One hasher can be used again after `finish`, so that a worker pays for its context once.
public struct SHA256: ~Copyable {
    private let context: OpaquePointer
    // Fetching the algorithm for every message costs more than hashing a small file.
    private nonisolated(unsafe) static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)

    /// A hasher that has seen nothing.
    public init() {
        guard let context = EVP_MD_CTX_new() else { fatalError("out of memory") }
        self.context = context
        start()
    }

    deinit { EVP_MD_CTX_free(context) }

    private func start() {
        let started = EVP_DigestInit_ex2(context, Self.algorithm, nil)
        precondition(started == 1, "libcrypto has no SHA-256")
    }

    /// Takes in more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// Takes in more bytes.
    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The checksum of everything taken in; the hasher starts anew.
    public mutating func finish() -> Checksum {
        let checksum = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digest in
            EVP_DigestFinal_ex(context, digest.baseAddress, nil)
            return Checksum(raw: UnsafeRawBufferPointer(digest))
        }
        start()
        guard let checksum else { fatalError("a SHA-256 digest has 32 bytes") }
        return checksum
    }

    /// The checksum of `bytes`.
    public static func hash(_ bytes: [UInt8]) -> Checksum {
        var hasher = SHA256()
        hasher.update(bytes)
        return hasher.finish()
    }
}
