import COpenSSL

/// Reading PEM files that hold exactly one key.
enum KeyPEM {
    /// The most bytes a key file may have; a real one has under a thousand.
    static let sizeLimit = 16384

    /// The label of the only PEM block in `bytes`, as "PUBLIC KEY".
    ///
    /// libcrypto takes the first block that fits and ignores the rest. Here a second block is an error:
    /// whoever put two keys in one file believes that both count.
    ///
    /// - Throws: `SignatureError.unreadableKey`.
    static func label(of bytes: [UInt8], path: String) throws(SignatureError) -> String {
        let begin = "-----BEGIN "
        let end = "-----"
        let labels = bytes.split(whereSeparator: { $0 == 10 || $0 == 13 }).compactMap { line -> String? in
            let text = String(decoding: line, as: UTF8.self)
            guard text.hasPrefix(begin), let close = text.dropFirst(begin.count).firstIndex(of: "-") else { return nil }
            return text[close...].hasPrefix(end) ? String(text.dropFirst(begin.count)[..<close]) : nil
        }
        guard let label = labels.first else { throw .unreadableKey(path: path, detail: "it is not PEM") }
        guard labels.count == 1 else {
            throw .unreadableKey(path: path, detail: "it has \(labels.count) PEM blocks, where one key is expected")
        }
        return label
    }

    /// Reads `SubjectPublicKeyInfo`.
    ///
    /// - Throws: `SignatureError.unreadableKey`, `.wrongKeyType`.
    static func publicKey(_ bytes: [UInt8], path: String) throws(SignatureError) -> EVPKey {
        let label = try label(of: bytes, path: path)
        guard label == "PUBLIC KEY" else { throw unexpected(label, wanted: "a public key", path: path) }
        let input = try MemoryBIO.holding(bytes)
        let key = try OpenSSLErrors.pointer(orThrow: { .unreadableKey(path: path, detail: $0) }) {
            PEM_read_bio_PUBKEY(input.raw, nil, noPassphrase, nil)
        }
        return try EVPKey(adopting: key, path: path)
    }

    /// Reads PKCS#8, plain or encrypted.
    ///
    /// - Throws: `SignatureError.unreadableKey`, `.wrongKeyType`, `.wrongPassphrase`.
    static func privateKey(_ bytes: [UInt8], passphrase: [UInt8]?, path: String) throws(SignatureError) -> EVPKey {
        let label = try label(of: bytes, path: path)
        let input = try MemoryBIO.holding(bytes)
        switch label {
        case "PRIVATE KEY":
            let info = try OpenSSLErrors.pointer(orThrow: { .unreadableKey(path: path, detail: $0) }) {
                PEM_read_bio_PKCS8_PRIV_KEY_INFO(input.raw, nil, noPassphrase, nil)
            }
            return try PrivateKeyInfo(adopting: info).key(path: path)
        case "ENCRYPTED PRIVATE KEY":
            guard let passphrase else { throw .wrongPassphrase(path: path) }
            let encrypted = try OpenSSLErrors.pointer(orThrow: { .unreadableKey(path: path, detail: $0) }) {
                PEM_read_bio_PKCS8(input.raw, nil, noPassphrase, nil)
            }
            let info = try EncryptedPrivateKey(adopting: encrypted).opened(with: passphrase, path: path)
            return try info.key(path: path)
        default:
            throw unexpected(label, wanted: "a private key in PKCS#8", path: path)
        }
    }

    private static func unexpected(_ label: String, wanted: String, path: String) -> SignatureError {
        let words = label.split(separator: " ")
        if words.count == 3, let type = words.first, ["RSA", "EC", "DSA"].contains(type) {
            return .wrongKeyType(path: path, type: String(type))
        }
        return .unreadableKey(path: path, detail: "it is a PEM block '\(label)', not \(wanted)")
    }
}

/// Answers libcrypto's question for a passphrase with a refusal; by default it would ask on the terminal.
private func noPassphrase(
    _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _: UnsafeMutableRawPointer?
) -> Int32 { -1 }
