import Glibc
import LinuxSystem
public import SystemPackage

/// The files of a key pair: `PATH` is private, `PATH.pub` public, both PEM.
public enum KeyFiles {
    private static let passphraseLimit = 1024

    /// Where the public half of the pair at `path` is.
    public static func publicPath(of path: FilePath) -> FilePath { FilePath(path.string + ".pub") }

    /// Makes a key pair and writes both files.
    ///
    /// - Parameter passphrase: encrypts the private file when given.
    /// - Returns: the public half.
    /// - Throws: `SignatureError.keyExists` when either file exists, and nothing is written then; `SystemError`.
    public static func generate(at path: FilePath, passphrase: [UInt8]?) throws -> PublicKey {
        let publicPath = publicPath(of: path)
        for file in [path, publicPath] where Files.exists(file) { throw SignatureError.keyExists(path: file.string) }
        let key = try PrivateKey.generate()
        try key.write(to: path, passphrase: passphrase)
        do { try PrivateKey.createNew(publicPath, bytes: Array(key.publicKey.pem.utf8), mode: 0o644) } catch {
            // Nobody has used the private half yet; half a pair would only block the next try.
            unlink(path.string)
            throw error
        }
        return key.publicKey
    }

    /// The public key in a file that holds either half. A private half is opened, or its `.pub` read instead
    /// when it is encrypted and no passphrase is given.
    ///
    /// - Throws: `SignatureError`, `SystemError`.
    public static func publicKey(of path: FilePath, passphrase: [UInt8]?) throws -> PublicKey {
        let pem = try Files.read(path, limit: KeyPEM.sizeLimit)
        guard try KeyPEM.label(of: pem, path: path.string).hasSuffix("PRIVATE KEY") else {
            return try PublicKey(pem: pem, path: path.string)
        }
        do throws(SignatureError) {
            return try PrivateKey(pem: pem, passphrase: passphrase, path: path.string).publicKey
        } catch {
            let companion = publicPath(of: path)
            guard case .wrongPassphrase = error, passphrase == nil, Files.exists(companion) else { throw error }
            return try PublicKey(reading: companion)
        }
    }

    /// The passphrase in a file: everything but one line end at the end.
    ///
    /// - Throws: `SignatureError.unreadableKey` for an empty one, which would protect nothing; `SystemError`,
    ///   `EFBIG` for more than 1024 bytes.
    public static func passphrase(from path: FilePath) throws -> [UInt8] {
        var bytes = try Files.read(path, limit: passphraseLimit)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else {
            throw SignatureError.unreadableKey(path: path.string, detail: "the passphrase in it is empty")
        }
        return bytes
    }
}
