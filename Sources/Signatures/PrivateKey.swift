import COpenSSL
import Glibc
import LinuxSystem
public import SystemPackage

/// An ed25519 key pair. It never prints itself, and leaves the process only through `write`.
public struct PrivateKey: Sendable {
    private let key: EVPKey
    /// The public half.
    public let publicKey: PublicKey

    private init(_ key: EVPKey, path: String) throws(SignatureError) {
        self.key = key
        publicKey = try PublicKey(rawBytes: key.publicBytes(), path: path)
    }

    /// A new key pair from the system's random numbers.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    public static func generate() throws(SignatureError) -> PrivateKey {
        try PrivateKey(EVPKey.generate(), path: "the new key")
    }

    /// From the bytes of a PEM file, PKCS#8, plain or encrypted.
    ///
    /// - Parameters:
    ///   - passphrase: ignored when the key is not encrypted.
    ///   - path: where the bytes come from, for messages.
    /// - Throws: `SignatureError.unreadableKey`, `.wrongKeyType`; `.wrongPassphrase` also when none is given and
    ///   one is needed.
    public init(pem: [UInt8], passphrase: [UInt8]?, path: String) throws(SignatureError) {
        try self.init(KeyPEM.privateKey(pem, passphrase: passphrase, path: path), path: path)
    }

    /// From a PEM file; a pipe will do.
    ///
    /// - Throws: `SignatureError` as `init(pem:passphrase:path:)`; `SystemError` when the file cannot be read.
    public init(reading path: FilePath, passphrase: [UInt8]?) throws {
        var pem = try Files.read(path, limit: KeyPEM.sizeLimit)
        defer { Self.wipe(&pem) }
        try self.init(pem: pem, passphrase: passphrase, path: path.string)
    }

    /// Writes the pair as PKCS#8 PEM with mode 0600, encrypted when a passphrase is given.
    ///
    /// - Throws: `SignatureError.keyExists` rather than replace anything; `.cryptographyFailed`; `SystemError`.
    public func write(to path: FilePath, passphrase: [UInt8]?) throws {
        var pem = try key.privatePEM(passphrase: passphrase)
        defer { Self.wipe(&pem) }
        try Self.createNew(path, bytes: pem, mode: 0o600)
    }

    /// The signature of `message`, 64 bytes.
    ///
    /// - Throws: `SignatureError.cryptographyFailed`.
    public func sign(_ message: [UInt8]) throws(SignatureError) -> [UInt8] { try key.sign(message) }

    /// Creates a key's file; the one place that turns "exists" into this target's words.
    static func createNew(_ path: FilePath, bytes: [UInt8], mode: mode_t) throws {
        do throws(SystemError) { try Files.create(path, bytes: bytes, mode: mode) } catch {
            guard error.code == .fileExists || error.code == .tooManySymbolicLinkLevels else { throw error }
            throw SignatureError.keyExists(path: path.string)
        }
    }

    private static func wipe(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    }
}
