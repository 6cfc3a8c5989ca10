import COpenSSL

/// The owner of one `EVP_MD_CTX`.
struct DigestContext: ~Copyable {
    let raw: OpaquePointer

    /// - Throws: `SignatureError.cryptographyFailed` without memory.
    init() throws(SignatureError) { raw = try OpenSSLErrors.pointer { EVP_MD_CTX_new() } }

    deinit { EVP_MD_CTX_free(raw) }
}

/// The owner of one memory `BIO`; what it holds is wiped when it is freed.
struct MemoryBIO: ~Copyable {
    let raw: OpaquePointer

    /// An empty one to write to.
    ///
    /// - Throws: `SignatureError.cryptographyFailed` without memory.
    init() throws(SignatureError) { raw = try OpenSSLErrors.pointer { BIO_new(BIO_s_secmem()) } }

    /// One to read `bytes` from.
    ///
    /// - Throws: `SignatureError.cryptographyFailed` without memory.
    static func holding(_ bytes: [UInt8]) throws(SignatureError) -> MemoryBIO {
        let bio = try MemoryBIO()
        try OpenSSLErrors.one { BIO_write(bio.raw, bytes, Int32(clamping: bytes.count)) == bytes.count ? 1 : 0 }
        return bio
    }

    deinit { BIO_free(raw) }

    /// A copy of everything in it.
    func bytes() -> [UInt8] {
        var start: UnsafeMutablePointer<UInt8>?
        let count = BIO_ctrl(raw, BIO_CTRL_INFO, 0, &start)
        return Array(UnsafeBufferPointer(start: start, count: max(0, count)))
    }
}

/// The owner of one `PKCS8_PRIV_KEY_INFO`: a private key, readable by whoever has it.
struct PrivateKeyInfo: ~Copyable {
    // OWASP's figure for PBKDF2 with HMAC-SHA-256; about a quarter of a second.
    private static let rounds: Int32 = 600_000
    let raw: OpaquePointer

    init(adopting raw: OpaquePointer) { self.raw = raw }

    deinit { PKCS8_PRIV_KEY_INFO_free(raw) }

    /// The key under a passphrase: PBES2 with PBKDF2 (HMAC-SHA-256) and AES-256-CBC.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    func encrypted(with passphrase: [UInt8]) throws(SignatureError) -> EncryptedPrivateKey {
        let result = try OpenSSLErrors.pointer {
            passphrase.withUnsafeBytes { buffer in
                // A negative algorithm number asks for PBES2; NULL and 0 for a random salt of the usual length.
                PKCS8_encrypt(
                    -1, EVP_aes_256_cbc(), buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
                    Int32(clamping: buffer.count), nil, 0, Self.rounds, raw)
            }
        }
        return EncryptedPrivateKey(adopting: result)
    }

    /// The key in it.
    ///
    /// - Throws: `SignatureError.unreadableKey`, `.wrongKeyType`.
    func key(path: String) throws(SignatureError) -> EVPKey {
        let key = try OpenSSLErrors.pointer(orThrow: { .unreadableKey(path: path, detail: $0) }) { EVP_PKCS82PKEY(raw) }
        return try EVPKey(adopting: key, path: path)
    }
}

/// The owner of one `X509_SIG`, which is how libcrypto calls a private key under a passphrase.
struct EncryptedPrivateKey: ~Copyable {
    let raw: OpaquePointer

    init(adopting raw: OpaquePointer) { self.raw = raw }

    deinit { X509_SIG_free(raw) }

    /// The key behind the passphrase.
    ///
    /// - Throws: `SignatureError.wrongPassphrase`.
    func opened(with passphrase: [UInt8], path: String) throws(SignatureError) -> PrivateKeyInfo {
        let result = try OpenSSLErrors.pointer(orThrow: { _ in .wrongPassphrase(path: path) }) {
            passphrase.withUnsafeBytes { buffer in
                PKCS8_decrypt(
                    raw, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: buffer.count))
            }
        }
        return PrivateKeyInfo(adopting: result)
    }
}
