import Checksums
import LinuxSystem
public import SystemPackage

/// An ed25519 public key.
public struct PublicKey: Hashable, Sendable {
    /// The 32 bytes.
    public let rawBytes: [UInt8]

    /// From exactly 32 bytes.
    ///
    /// - Parameter path: where they come from, for messages.
    /// - Throws: `SignatureError.unreadableKey` for another count and for the few points under which anybody
    ///   can make signatures.
    public init(rawBytes: [UInt8], path: String = "the key") throws(SignatureError) {
        guard rawBytes.count == 32 else {
            throw .unreadableKey(path: path, detail: "an ed25519 key has 32 bytes, not \(rawBytes.count)")
        }
        guard !WeakPoints.contains(rawBytes) else {
            throw .unreadableKey(path: path, detail: "it is a weak point, for which anybody can make signatures")
        }
        self.rawBytes = rawBytes
    }

    /// From the bytes of a PEM file, SubjectPublicKeyInfo.
    ///
    /// - Parameter path: where they come from, for messages.
    /// - Throws: `SignatureError.unreadableKey`; `.wrongKeyType` for RSA, EC, X25519 and the like.
    public init(pem: [UInt8], path: String) throws(SignatureError) {
        try self.init(rawBytes: KeyPEM.publicKey(pem, path: path).publicBytes(), path: path)
    }

    /// From a PEM file.
    ///
    /// - Throws: `SignatureError` as `init(pem:path:)`; `SystemError` when the file cannot be read.
    public init(reading path: FilePath) throws {
        try self.init(pem: Files.read(path, limit: KeyPEM.sizeLimit), path: path.string)
    }

    /// From a line as ostree's `sign.ed25519` key files have it: the 32 bytes in base64.
    ///
    /// - Throws: `SignatureError.unreadableKey`.
    public init(ostreeLine: String, path: String = "the key line") throws(SignatureError) {
        guard let bytes = Base64.decode(ostreeLine) else {
            throw .unreadableKey(path: path, detail: "it is not base64")
        }
        try self.init(rawBytes: bytes, path: path)
    }

    /// Names the key in messages and hints: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes.
    public var id: String { String(SHA256.hash(rawBytes).hex.prefix(16)) }

    /// The key as ostree writes it: the 32 bytes in base64.
    public var ostreeLine: String { Base64.encode(rawBytes) }

    /// The key as PEM, SubjectPublicKeyInfo.
    public var pem: String {
        // The prefix says "ed25519" in DER (RFC 8410); what follows is always 32 bytes.
        let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
        return "-----BEGIN PUBLIC KEY-----\n\(Base64.encode(prefix + rawBytes))\n-----END PUBLIC KEY-----\n"
    }

    /// Whether `signature` is this key's signature of `message`. Everything but a clear yes is a no.
    public func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        do throws(SignatureError) {
            return try EVPKey(publicBytes: rawBytes).verifies(signature, of: message)
        } catch {
            return false
        }
    }
}
