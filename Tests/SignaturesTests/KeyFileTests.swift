import Glibc
import LinuxSystem
import Signatures
import SystemPackage
import TestSupport
import Testing

@Suite struct KeyFileTests {
    private let folder: TemporaryFolder
    private let path: FilePath
    private let passphrase = Array("correct horse".utf8)
    private let message = Array("payload".utf8)

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path.appending("signing.pem")
    }

    private func mode(of path: FilePath) throws -> mode_t {
        try Descriptor(opening: path.string).status().st_mode & 0o7777
    }

    @Test("a pair is written as two files, the private one for its owner only")
    func generate() throws {
        let key = try KeyFiles.generate(at: path, passphrase: nil)
        #expect(try mode(of: path) == 0o600)
        #expect(try PrivateKey(reading: path, passphrase: nil).publicKey == key)
        #expect(try PublicKey(reading: KeyFiles.publicPath(of: path)) == key)
    }

    @Test("an existing private key is never overwritten")
    func existingPrivate() throws {
        try folder.write("signing.pem", text: "precious")
        #expect(throws: SignatureError.keyExists(path: path.string)) {
            try KeyFiles.generate(at: path, passphrase: nil)
        }
        #expect(try folder.read("signing.pem") == Array("precious".utf8))
        #expect(!Files.exists(KeyFiles.publicPath(of: path)))
    }

    @Test("an existing public key is never overwritten, and no private key is left without it")
    func existingPublic() throws {
        try folder.write("signing.pem.pub", text: "precious")
        #expect(throws: SignatureError.keyExists(path: path.string + ".pub")) {
            try KeyFiles.generate(at: path, passphrase: nil)
        }
        #expect(try folder.read("signing.pem.pub") == Array("precious".utf8))
        #expect(!Files.exists(path))
    }

    @Test("a link waiting at the key's place is not written through")
    func plantedLink() throws {
        symlink(folder.path.appending("elsewhere").string, path.string)
        #expect(throws: SignatureError.keyExists(path: path.string)) {
            try PrivateKey.generate().write(to: path, passphrase: nil)
        }
        #expect(!Files.exists(folder.path.appending("elsewhere")))
    }

    @Test("a folder that is missing is an error that names the file")
    func missingFolder() throws {
        let lost = folder.path.appending("no/key.pem")
        #expect(throws: SystemError("open", lost.string, code: .noSuchFileOrDirectory)) {
            try KeyFiles.generate(at: lost, passphrase: nil)
        }
    }

    @Test("an encrypted key opens with its passphrase only")
    func encrypted() throws {
        let key = try KeyFiles.generate(at: path, passphrase: passphrase)
        #expect(try PrivateKey(reading: path, passphrase: passphrase).publicKey == key)
        #expect(throws: SignatureError.wrongPassphrase(path: path.string)) {
            try PrivateKey(reading: path, passphrase: Array("wrong horse".utf8))
        }
        #expect(throws: SignatureError.wrongPassphrase(path: path.string)) {
            try PrivateKey(reading: path, passphrase: nil)
        }
        #expect(throws: SignatureError.wrongPassphrase(path: path.string)) {
            try PrivateKey(reading: path, passphrase: [])
        }
    }

    @Test("an encrypted key uses AES-256-CBC, PBKDF2 with SHA-256 and many rounds")
    func parameters() throws {
        _ = try KeyFiles.generate(at: path, passphrase: passphrase)
        let text = String(decoding: try openssl("asn1parse", "-in", path.string), as: UTF8.self)
        for word in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0"] { #expect(text.contains(word)) }
    }

    @Test("an encrypted key that is cut short is refused")
    func cutEncrypted() throws {
        _ = try KeyFiles.generate(at: path, passphrase: passphrase)
        let pem = try Files.read(path, limit: 16384)
        for count in [pem.count - 36, pem.count / 2, 40] {
            let cut = Array(pem.prefix(count))
            #expect(throws: SignatureError.self) { try PrivateKey(pem: cut, passphrase: passphrase, path: "x") }
        }
    }

    @Test("openssl signs and verifies with our keys", arguments: [nil, "correct horse"])
    func opensslReadsOurs(_ passphrase: String?) throws {
        let key = try KeyFiles.generate(at: path, passphrase: passphrase.map { Array($0.utf8) })
        let payload = try folder.write("payload", message)
        let signature = try openssl(
            "pkeyutl", "-sign", "-rawin", "-in", payload.string, "-inkey", path.string, "-passin",
            "pass:\(passphrase ?? "")")
        #expect(key.verifies(signature, of: message))
        let ours = try PrivateKey(reading: path, passphrase: passphrase.map { Array($0.utf8) }).sign(message)
        let file = try folder.write("signature", ours)
        try openssl(
            "pkeyutl", "-verify", "-rawin", "-in", payload.string, "-sigfile", file.string, "-pubin", "-inkey",
            KeyFiles.publicPath(of: path).string)
    }

    @Test("we sign and verify with openssl's keys", arguments: [false, true])
    func weReadOpenssl(_ encrypted: Bool) throws {
        var made = try opensslKey(in: folder)
        if encrypted {
            let plain = made
            made = folder.path.appending("encrypted.pem")
            try openssl(
                "pkcs8", "-topk8", "-in", plain.string, "-v2", "aes-256-cbc", "-passout", "pass:correct horse", "-out",
                made.string)
        }
        let key = try PrivateKey(reading: made, passphrase: encrypted ? passphrase : nil)
        let pem = try openssl("pkey", "-in", folder.path.appending("key.pem").string, "-pubout")
        #expect(String(decoding: pem, as: UTF8.self) == key.publicKey.pem)
        #expect(try PublicKey(pem: pem, path: "x").verifies(key.sign(message), of: message))
    }

    @Test("key show reads either half, and the companion of an encrypted one")
    func show() throws {
        let key = try KeyFiles.generate(at: path, passphrase: passphrase)
        #expect(try KeyFiles.publicKey(of: path, passphrase: passphrase) == key)
        #expect(try KeyFiles.publicKey(of: path, passphrase: nil) == key)
        #expect(try KeyFiles.publicKey(of: KeyFiles.publicPath(of: path), passphrase: nil) == key)
        try Files.remove(KeyFiles.publicPath(of: path))
        #expect(throws: SignatureError.wrongPassphrase(path: path.string)) {
            try KeyFiles.publicKey(of: path, passphrase: nil)
        }
    }

    @Test(
        "a passphrase file loses one line end and nothing else",
        arguments: [
            ("secret", "secret"), ("secret\n", "secret"), ("secret\r\n", "secret"), ("two\nlines\n\n", "two\nlines\n"),
            (" spaces ", " spaces "),
        ])
    func passphraseFile(_ content: String, _ expected: String) throws {
        let file = try folder.write("passphrase", text: content)
        #expect(try KeyFiles.passphrase(from: file) == Array(expected.utf8))
    }

    @Test("an empty passphrase file is refused, since it would protect nothing", arguments: ["", "\n", "\r\n"])
    func emptyPassphrase(_ content: String) throws {
        let file = try folder.write("passphrase", text: content)
        #expect(throws: SignatureError.self) { try KeyFiles.passphrase(from: file) }
    }

    @Test("a passphrase file that never ends is given up")
    func endlessPassphrase() {
        #expect(throws: SystemError("read", "/dev/zero", code: .fileTooLarge)) {
            try KeyFiles.passphrase(from: "/dev/zero")
        }
    }
}
