/// Who signs: a key at hand, or a command that has one (a hardware token, a signing service).
public enum Signer: Sendable {
    /// A key in memory.
    case key(PrivateKey)
    /// A command and its arguments, and the public key its signatures must match. The command gets the payload
    /// on standard input and answers with the 64 bytes, raw or in base64, on standard output.
    case command([String], PublicKey)

    /// The key that will have signed.
    public var publicKey: PublicKey {
        switch self {
        case .key(let key): key.publicKey
        case .command(_, let key): key
        }
    }

    /// The signature of `message`, 64 bytes, checked with the public key before it is returned.
    ///
    /// - Throws: `SignatureError.signingCommandFailed`, `.cryptographyFailed`.
    public func sign(_ message: [UInt8]) async throws -> [UInt8] {
        switch self {
        case .key(let key): try checked(key.sign(message), of: message)
        case .command(let words, let key): try await SigningCommand(words: words, publicKey: key).sign(message)
        }
    }

    private func checked(_ signature: [UInt8], of message: [UInt8]) throws(SignatureError) -> [UInt8] {
        guard publicKey.verifies(signature, of: message) else {
            throw .cryptographyFailed(detail: "a new signature does not verify")
        }
        return signature
    }
}
