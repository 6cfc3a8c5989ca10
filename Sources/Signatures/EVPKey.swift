import COpenSSL

/// The owner of one `EVP_PKEY`, always an ed25519 key. Shared, and never changed after it was made.
final class EVPKey: Sendable {
    /// Not changed after `init`; libcrypto counts references atomically.
    private nonisolated(unsafe) let raw: OpaquePointer

    /// Takes over a key that libcrypto made.
    ///
    /// - Throws: `SignatureError.wrongKeyType` unless it is ed25519; the key is freed then.
    init(adopting raw: OpaquePointer, path: String) throws(SignatureError) {
        self.raw = raw
        guard EVP_PKEY_is_a(raw, "ED25519") == 1 else {
            let type = EVP_PKEY_get0_type_name(raw).map { String(cString: $0) } ?? "unknown"
            throw SignatureError.wrongKeyType(path: path, type: type)
        }
    }

    deinit { EVP_PKEY_free(raw) }

    /// A new key pair.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    static func generate() throws(SignatureError) -> EVPKey {
        let context = try OpenSSLErrors.pointer { EVP_PKEY_CTX_new_from_name(nil, "ED25519", nil) }
        defer { EVP_PKEY_CTX_free(context) }
        try OpenSSLErrors.one { EVP_PKEY_keygen_init(context) }
        var key: OpaquePointer?
        let made = try OpenSSLErrors.pointer { EVP_PKEY_generate(context, &key) == 1 ? key : nil }
        return try EVPKey(adopting: made, path: "the new key")
    }

    /// A public key from its 32 bytes.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    convenience init(publicBytes bytes: [UInt8]) throws(SignatureError) {
        let raw = try OpenSSLErrors.pointer {
            EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, bytes, bytes.count)
        }
        try self.init(adopting: raw, path: "the key's bytes")
    }

    /// The 32 bytes of the public half.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    func publicBytes() throws(SignatureError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        try OpenSSLErrors.one { EVP_PKEY_get_raw_public_key(raw, &bytes, &count) }
        guard count == 32 else { throw SignatureError.cryptographyFailed(detail: "a public key of \(count) bytes") }
        return bytes
    }

    /// The signature of `message`, 64 bytes.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    func sign(_ message: [UInt8]) throws(SignatureError) -> [UInt8] {
        let context = try DigestContext()
        try OpenSSLErrors.one { EVP_DigestSignInit(context.raw, nil, nil, nil, raw) }
        var signature = [UInt8](repeating: 0, count: 64)
        var count = signature.count
        try OpenSSLErrors.one { EVP_DigestSign(context.raw, &signature, &count, message, message.count) }
        guard count == 64 else { throw SignatureError.cryptographyFailed(detail: "a signature of \(count) bytes") }
        return signature
    }

    /// Whether libcrypto says exactly 1: good. 0, a negative number and every failure on the way are a no.
    func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        OpenSSLErrors.clear()
        defer { OpenSSLErrors.clear() }
        guard signature.count == 64, let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, raw) == 1 else { return false }
        return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// The public half as PEM, SubjectPublicKeyInfo.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    func publicPEM() throws(SignatureError) -> [UInt8] {
        let output = try MemoryBIO()
        try OpenSSLErrors.one { PEM_write_bio_PUBKEY(output.raw, raw) }
        return output.bytes()
    }

    /// The private key as PEM, PKCS#8; encrypted when there is a passphrase.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    func privatePEM(passphrase: [UInt8]?) throws(SignatureError) -> [UInt8] {
        let plain = try PrivateKeyInfo(adopting: OpenSSLErrors.pointer { EVP_PKEY2PKCS8(raw) })
        let output = try MemoryBIO()
        if let passphrase {
            let encrypted = try plain.encrypted(with: passphrase)
            try OpenSSLErrors.one { PEM_write_bio_PKCS8(output.raw, encrypted.raw) }
        } else {
            try OpenSSLErrors.one { PEM_write_bio_PKCS8_PRIV_KEY_INFO(output.raw, plain.raw) }
        }
        return output.bytes()
    }
}
