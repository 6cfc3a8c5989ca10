import LinuxSystem
import Signatures
import SystemPackage
import TestSupport
import Testing

@Suite struct KeyFormatTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("a key's id is the start of its bytes' SHA-256")
    func id() throws {
        let key = try PublicKey(rawBytes: bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
        #expect(key.id == "21fe31dfa154a261")
    }

    @Test("a public key survives PEM and ostree's line")
    func roundTrip() throws {
        let key = try PrivateKey.generate().publicKey
        #expect(try PublicKey(pem: Array(key.pem.utf8), path: "x") == key)
        #expect(try PublicKey(ostreeLine: key.ostreeLine) == key)
        #expect(key.ostreeLine.count == 44)
    }

    @Test(
        "a line that is not 32 bytes in strict base64 is refused",
        arguments: [
            "", "AAAA", "not base64 at all!", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp=",
        ])
    func badLine(_ line: String) {
        #expect(throws: SignatureError.self) { try PublicKey(ostreeLine: line) }
    }

    @Test(
        "a weak point is no key: anybody can sign for it",
        arguments: [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ])
    func weakPoint(_ hex: String) {
        #expect(throws: SignatureError.self) { try PublicKey(rawBytes: bytes(hex)) }
    }

    @Test(
        "a key of another kind is refused by its name",
        arguments: [
            ("RSA", "RSA"), ("X25519", "X25519"), ("ed448", "ED448"), ("EC", "EC"),
        ])
    func wrongType(_ algorithm: String, _ type: String) throws {
        let path = folder.path.appending("key.pem")
        let curve = algorithm == "EC" ? ["-pkeyopt", "ec_paramgen_curve:P-256"] : []
        let made = try run(["/usr/bin/openssl", "genpkey", "-algorithm", algorithm, "-out", path.string] + curve)
        #expect(made.status == 0)
        #expect(throws: SignatureError.wrongKeyType(path: path.string, type: type)) {
            try PrivateKey(reading: path, passphrase: nil)
        }
        let pem = try openssl("pkey", "-in", path.string, "-pubout")
        #expect(throws: SignatureError.wrongKeyType(path: "public", type: type)) {
            try PublicKey(pem: pem, path: "public")
        }
    }

    @Test("an RSA key in its old form is refused by its name")
    func traditionalRSA() throws {
        let pem = try openssl("genrsa", "-traditional", "2048")
        #expect(throws: SignatureError.wrongKeyType(path: "old", type: "RSA")) {
            try PrivateKey(pem: pem, passphrase: nil, path: "old")
        }
    }

    @Test("a private key is not taken for a public one, nor the other way round")
    func halves() throws {
        let path = try opensslKey(in: folder)
        let publicPEM = try openssl("pkey", "-in", path.string, "-pubout")
        #expect(throws: SignatureError.self) { try PublicKey(reading: path) }
        #expect(throws: SignatureError.self) { try PrivateKey(pem: publicPEM, passphrase: nil, path: "public") }
    }

    @Test("a file with two keys is refused instead of half read")
    func twoKeys() throws {
        let pem = Array(try (PrivateKey.generate().publicKey.pem + PrivateKey.generate().publicKey.pem).utf8)
        let error = #expect(throws: SignatureError.self) { try PublicKey(pem: pem, path: "two") }
        #expect(error?.reason.contains("2 PEM blocks") == true)
    }

    @Test(
        "a damaged key file is refused",
        arguments: [
            "", "garbage", "-----BEGIN PUBLIC KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg==\n-----END PUBLIC KEY-----\n",
            "-----BEGIN CERTIFICATE-----\nMCowBQYDK2Vw\n-----END CERTIFICATE-----\n",
        ])
    func damaged(_ text: String) {
        #expect(throws: SignatureError.self) { try PublicKey(pem: Array(text.utf8), path: "damaged") }
        let asPrivate = text.split(separator: "PUBLIC").joined(separator: "PRIVATE")
        #expect(throws: SignatureError.self) {
            try PrivateKey(pem: Array(asPrivate.utf8), passphrase: nil, path: "damaged")
        }
    }

    @Test("a key file that never ends is given up")
    func endless() {
        #expect(throws: SystemError("read", "/dev/zero", code: .fileTooLarge)) {
            try PrivateKey(reading: "/dev/zero", passphrase: nil)
        }
    }

    @Test("base64 comes out as openssl writes it, for every length", arguments: 0..<8)
    func base64(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 67 + 250) }
        let text = Base64.encode(bytes)
        let expected = try openssl("base64", "-A", input: bytes)
        #expect(text == String(decoding: expected, as: UTF8.self))
        #expect(Base64.decode(text) == bytes)
    }

    @Test(
        "base64 in a second spelling is refused",
        arguments: [
            "A", "AA", "AAA", "AA=A", "A===", "====", "AB==", "AAB=", "AA==AAAA", " AAAA", "AAA\n", "AA-_", "AAAé",
            "AA==\n",
        ])
    func oddBase64(_ text: String) { #expect(Base64.decode(text) == nil) }
}
