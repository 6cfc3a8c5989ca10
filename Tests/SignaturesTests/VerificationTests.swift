import Signatures
import Testing

/// RFC 8032, section 7.1.
struct Vector: Sendable, CustomTestStringConvertible {
    let name: String
    let seed: String
    let key: String
    let message: String
    let signature: String
    var testDescription: String { name }

    static let all = [
        Vector(
            name: "an empty message", seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
            signature: """
                e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b
                d25bf5f0595bbe24655141438e7a100b
                """),
        Vector(
            name: "one byte", seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            key: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
            signature: """
                92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c
                387b2eaeb4302aeeb00d291612bb0c00
                """),
        Vector(
            name: "two bytes", seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            key: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
            signature: """
                6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659
                4a7c15e9716ed28dc027beceea1ec40a
                """),
    ]

    /// The private key as PKCS#8 PEM; RFC 8410's prefix before the seed.
    var pem: [UInt8] {
        let der = bytes("302e020100300506032b657004220420" + seed)
        return Array("-----BEGIN PRIVATE KEY-----\n\(Base64.encode(der))\n-----END PRIVATE KEY-----\n".utf8)
    }
}

@Suite struct VerificationTests {
    private let key: PrivateKey
    private let message = Array("the release manifest".utf8)
    private let signature: [UInt8]

    init() throws {
        key = try PrivateKey.generate()
        signature = try key.sign(message)
    }

    @Test("the RFC's vectors verify and are made again bit by bit", arguments: Vector.all)
    func vectors(_ vector: Vector) throws {
        let publicKey = try PublicKey(rawBytes: bytes(vector.key))
        let message = bytes(vector.message)
        #expect(publicKey.verifies(bytes(vector.signature), of: message))
        let privateKey = try PrivateKey(pem: vector.pem, passphrase: nil, path: "vector")
        #expect(privateKey.publicKey == publicKey)
        #expect(try privateKey.sign(message) == bytes(vector.signature))
    }

    @Test("a good signature verifies")
    func good() { #expect(key.publicKey.verifies(signature, of: message)) }

    @Test("a signature with one flipped bit does not verify", arguments: [0, 31, 32, 63])
    func tamperedSignature(_ index: Int) {
        #expect(!key.publicKey.verifies(signature.flipping(at: index), of: message))
    }

    @Test("a message with one flipped bit does not verify")
    func tamperedMessage() {
        for index in message.indices {
            #expect(!key.publicKey.verifies(signature, of: message.flipping(bit: index % 8, at: index)))
        }
    }

    @Test("the signature of another message does not verify")
    func otherMessage() throws {
        #expect(!key.publicKey.verifies(try key.sign(Array("another".utf8)), of: message))
    }

    @Test("the signature by another key does not verify")
    func otherKey() throws { #expect(!(try PrivateKey.generate().publicKey.verifies(signature, of: message))) }

    @Test("a signature of the wrong length does not verify", arguments: [0, 1, 32, 63, 65, 128])
    func wrongLength(_ count: Int) {
        let wrong = Array((signature + signature).prefix(count))
        #expect(!key.publicKey.verifies(wrong, of: message))
    }

    @Test("a message cut short or continued does not verify")
    func resizedMessage() {
        #expect(!key.publicKey.verifies(signature, of: Array(message.dropLast())))
        #expect(!key.publicKey.verifies(signature, of: message + [0]))
        #expect(!key.publicKey.verifies(signature, of: []))
    }

    @Test("a second spelling of a signature, S plus the group order, does not verify")
    func malleability() {
        // L = 2^252 + 27742317777372353535851937790883648493, little-endian.
        let order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        var forged = signature
        var carry = 0
        for index in 0..<32 {
            let sum = Int(forged[32 + index]) + Int(order[index]) + carry
            forged[32 + index] = UInt8(sum & 255)
            carry = sum >> 8
        }
        #expect(carry == 0)
        #expect(!key.publicKey.verifies(forged, of: message))
    }

    @Test("an all-zero signature does not verify")
    func zeroSignature() {
        #expect(!key.publicKey.verifies([UInt8](repeating: 0, count: 64), of: message))
    }

    @Test("the same message signed twice gives the same signature")
    func deterministic() throws { #expect(try key.sign(message) == signature) }

    @Test("many threads can sign and verify with one key")
    func concurrent() async throws {
        let (key, message, signature) = (key, message, signature)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 {
                group.addTask { try key.sign(message) == signature && key.publicKey.verifies(signature, of: message) }
            }
            for try await same in group { #expect(same) }
        }
    }
}
