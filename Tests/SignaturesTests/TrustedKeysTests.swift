import Glibc
import LinuxSystem
import Signatures
import SystemPackage
import TestSupport
import Testing

@Suite struct TrustedKeysTests {
    /// What the operator writes: the higher folder.
    private let operatorFolder: TemporaryFolder
    /// What the image ships.
    private let imageFolder: TemporaryFolder
    private let alice: PrivateKey
    private let bob: PrivateKey
    private let message = Array("commit".utf8)

    init() throws {
        operatorFolder = try TemporaryFolder()
        imageFolder = try TemporaryFolder()
        alice = try PrivateKey.generate()
        bob = try PrivateKey.generate()
    }

    private func load() throws -> TrustedKeys {
        try TrustedKeys.load(folders: [operatorFolder.path, imageFolder.path])
    }

    private func verdict(_ signers: PrivateKey...) throws -> Verdict {
        try load().verdict(on: message, signatures: signers.map { try $0.sign(message) })
    }

    @Test("a key of either folder is trusted")
    func trusted() throws {
        try trust(alice.publicKey, as: "alice.pem", in: imageFolder)
        try trust(bob.publicKey, as: "bob.pem", in: operatorFolder)
        #expect(try verdict(alice) == .trusted(keyIDs: [alice.publicKey.id]))
        #expect(try verdict(bob) == .trusted(keyIDs: [bob.publicKey.id]))
        #expect(try load().keys.map(\.name) == ["alice.pem", "bob.pem"])
    }

    @Test("several signatures give every trusted signer")
    func several() throws {
        try trust(alice.publicKey, as: "a.pem", in: imageFolder)
        try trust(bob.publicKey, as: "b.pem", in: imageFolder)
        #expect(try verdict(bob, alice) == .trusted(keyIDs: [alice.publicKey.id, bob.publicKey.id]))
    }

    @Test("an unknown signer beside a trusted one does no harm")
    func mixed() throws {
        try trust(alice.publicKey, as: "a.pem", in: imageFolder)
        #expect(try verdict(bob, alice) == .trusted(keyIDs: [alice.publicKey.id]))
    }

    @Test("no folder at all trusts nobody")
    func noFolders() throws {
        let keys = try TrustedKeys.load(folders: [operatorFolder.path.appending("missing")])
        #expect(keys.keys.isEmpty)
        #expect(keys.verdict(on: message, signatures: [try alice.sign(message)]) == .unknownKey)
    }

    @Test("a signature by a stranger is of an unknown key")
    func stranger() throws {
        try trust(alice.publicKey, as: "a.pem", in: imageFolder)
        #expect(try verdict(bob) == .unknownKey)
    }

    @Test("a trusted key's signature of something else is worth nothing")
    func otherContent() throws {
        try trust(alice.publicKey, as: "a.pem", in: imageFolder)
        let signature = try alice.sign(Array("another commit".utf8))
        #expect(try load().verdict(on: message, signatures: [signature]) == .unknownKey)
    }

    @Test("nothing signed is unsigned, and odd lengths are invalid")
    func shapes() throws {
        let keys = TrustedKeys(keys: [(name: "a", key: alice.publicKey)])
        #expect(keys.verdict(on: message, signatures: []) == .unsigned)
        #expect(keys.verdict(on: message, signatures: [[]]) == .invalid)
        #expect(keys.verdict(on: message, signatures: [[UInt8](repeating: 1, count: 63)]) == .invalid)
    }

    @Test("a flood of signatures is refused without trying them")
    func flood() throws {
        let keys = TrustedKeys(keys: [(name: "a", key: alice.publicKey)])
        let flood = Array(repeating: try alice.sign(message), count: TrustedKeys.signatureLimit + 1)
        #expect(keys.verdict(on: message, signatures: flood) == .invalid)
    }

    @Test("a file in the higher folder replaces that of the same name without revoking it")
    func replaced() throws {
        try trust(alice.publicKey, as: "vendor.pem", in: imageFolder)
        try trust(bob.publicKey, as: "vendor.pem", in: operatorFolder)
        #expect(try verdict(bob) == .trusted(keyIDs: [bob.publicKey.id]))
        #expect(try verdict(alice) == .unknownKey)
    }

    @Test("an empty file of the same name revokes the key")
    func emptyMask() throws {
        try trust(alice.publicKey, as: "vendor.pem", in: imageFolder)
        try operatorFolder.write("vendor.pem", text: "")
        #expect(try verdict(alice) == .revoked(keyIDs: [alice.publicKey.id]))
        #expect(try load().keys.isEmpty)
    }

    @Test("a link to /dev/null revokes the key")
    func linkMask() throws {
        try trust(alice.publicKey, as: "vendor.pem", in: imageFolder)
        symlink("/dev/null", operatorFolder.path.appending("vendor.pem").string)
        #expect(try verdict(alice) == .revoked(keyIDs: [alice.publicKey.id]))
    }

    @Test("a revoked key stays revoked when another file holds it too")
    func revokedElsewhere() throws {
        try trust(alice.publicKey, as: "vendor.pem", in: imageFolder)
        try trust(alice.publicKey, as: "copy.pem", in: imageFolder)
        try trust(alice.publicKey, as: "own.pem", in: operatorFolder)
        try operatorFolder.write("vendor.pem", text: "")
        #expect(try verdict(alice) == .revoked(keyIDs: [alice.publicKey.id]))
        #expect(try load().keys.isEmpty)
    }

    @Test("a revoked signer beside a trusted one does not take the trust away")
    func rotation() throws {
        try trust(alice.publicKey, as: "old.pem", in: imageFolder)
        try trust(bob.publicKey, as: "new.pem", in: imageFolder)
        try operatorFolder.write("old.pem", text: "")
        #expect(try verdict(alice, bob) == .trusted(keyIDs: [bob.publicKey.id]))
    }

    @Test("a mask in a lower folder revokes nothing above it")
    func maskBelow() throws {
        try trust(alice.publicKey, as: "vendor.pem", in: operatorFolder)
        try imageFolder.write("vendor.pem", text: "")
        #expect(try verdict(alice) == .trusted(keyIDs: [alice.publicKey.id]))
    }

    @Test("a mask in the middle revokes the key below it, whatever stands above")
    func maskInTheMiddle() throws {
        let middle = try TemporaryFolder()
        try trust(bob.publicKey, as: "vendor.pem", in: operatorFolder)
        try middle.write("vendor.pem", text: "")
        try trust(alice.publicKey, as: "vendor.pem", in: imageFolder)
        let keys = try TrustedKeys.load(folders: [operatorFolder.path, middle.path, imageFolder.path])
        #expect(keys.revoked == [alice.publicKey])
        #expect(keys.keys.map(\.key) == [bob.publicKey])
    }

    @Test("a mask for a key that is not there is no error")
    func idleMask() throws {
        try operatorFolder.write("gone.pem", text: "")
        try trust(alice.publicKey, as: "a.pem", in: imageFolder)
        #expect(try verdict(alice) == .trusted(keyIDs: [alice.publicKey.id]))
    }

    @Test("a broken file stops the reading and is named", arguments: ["garbage", "-----BEGIN PUBLIC KEY-----\n"])
    func broken(_ content: String) throws {
        try trust(alice.publicKey, as: "a.pem", in: imageFolder)
        let path = try imageFolder.write("broken.pem", text: content)
        let error = #expect(throws: SignatureError.self) { try load() }
        #expect(error?.reason.contains(path.string) == true)
    }

    @Test("a broken file can be replaced, but not revoked unread")
    func brokenBelow() throws {
        try imageFolder.write("vendor.pem", text: "garbage")
        try trust(alice.publicKey, as: "vendor.pem", in: operatorFolder)
        #expect(try verdict(alice) == .trusted(keyIDs: [alice.publicKey.id]))
        try operatorFolder.write("vendor.pem", text: "")
        #expect(throws: SignatureError.self) { try load() }
    }

    @Test("a private key among the trusted ones is an error")
    func privateKey() throws {
        let path = operatorFolder.path.appending("oops.pem")
        try alice.write(to: path, passphrase: nil)
        #expect(throws: SignatureError.self) { try load() }
    }

    @Test("a key of another kind among the trusted ones is an error")
    func wrongType() throws {
        let key = try opensslKey(in: imageFolder, "rsa", algorithm: "RSA")
        let path = try imageFolder.write("rsa.pem", try openssl("pkey", "-in", key.string, "-pubout"))
        #expect(throws: SignatureError.wrongKeyType(path: path.string, type: "RSA")) { try load() }
    }

    @Test("a link to a key is refused: only /dev/null may be linked")
    func link() throws {
        let key = try trust(alice.publicKey, as: "key", in: imageFolder)
        symlink(key.string, operatorFolder.path.appending("a.pem").string)
        #expect(throws: SignatureError.self) { try load() }
    }

    @Test("a pipe, a folder or a device is refused instead of waited for")
    func notRegular() throws {
        let path = operatorFolder.path.appending("a.pem").string
        mkfifo(path, 0o600)
        #expect(throws: SignatureError.self) { try load() }
        unlink(path)
        mkdir(path, 0o700)
        #expect(throws: SignatureError.self) { try load() }
    }

    @Test("an oversized file is refused")
    func oversized() throws {
        let path = try imageFolder.write("big.pem", [UInt8](repeating: 0x41, count: 20000))
        #expect(throws: SystemError("read", path.string, code: .fileTooLarge)) { try load() }
    }

    @Test("other files and hidden ones are not keys")
    func otherFiles() throws {
        try imageFolder.write("README", text: "garbage")
        try imageFolder.write(".hidden.pem", text: "garbage")
        try imageFolder.write("old.pem.bak", text: "garbage")
        #expect(try load().keys.isEmpty)
    }
}
