import Signatures
import Testing
import TrustMetadata

@Suite struct EnvelopeTests {
    private static let type = "application/vnd.hostctl.test+json"
    private let alice: PrivateKey
    private let bob: PrivateKey
    private let payload = Array(#"{"format":1}"#.utf8)

    init() throws {
        alice = try PrivateKey.generate()
        bob = try PrivateKey.generate()
    }

    private func seal(_ signers: PrivateKey...) async throws -> [UInt8] {
        try await Envelope.seal(payload, type: Self.type, signers: signers.map { .key($0) })
    }

    private func trusting(_ keys: PrivateKey..., revoking: [PrivateKey] = []) -> TrustedKeys {
        TrustedKeys(
            keys: keys.map { (name: "key.pem", key: $0.publicKey) }, revoked: revoking.map(\.publicKey))
    }

    private func open(_ bytes: [UInt8], keys: TrustedKeys, type: String = type) throws -> [String] {
        let opened = try Envelope.open(bytes, type: type, keys: keys, what: "the test")
        #expect(opened.payload == payload)
        return opened.keyIDs
    }

    /// The envelope with one member replaced.
    private func replacing(_ key: String, in bytes: [UInt8], with value: JSONValue?) throws -> [UInt8] {
        let members = try #require(JSONValue(strict: bytes, what: "x").object)
        return JSONValue.object(members.compactMap { $0.key == key ? value.map { (key, $0) } : $0 }).encode()
    }

    private func reason(_ bytes: [UInt8], keys: TrustedKeys, type: String = type) -> String? {
        #expect(throws: TrustMetadataError.self) { try open(bytes, keys: keys, type: type) }?.reason
    }

    @Test("what a trusted key sealed opens")
    func good() async throws {
        #expect(try open(await seal(alice), keys: trusting(alice)) == [alice.publicKey.id])
    }

    @Test("an unsigned document of millions of values is refused before they fill the memory")
    func manyValues() async throws {
        let filler = JSONValue.array(Array(repeating: .integer(0), count: 5000))
        let members = try #require(JSONValue(strict: await seal(alice), what: "x").object)
        let bytes = JSONValue.object(members + [(key: "filler", value: filler)]).encode()
        #expect(reason(bytes, keys: trusting(alice))?.contains("more than 4096 values") == true)
    }

    @Test("two signers are both named")
    func two() async throws {
        let ids = try open(await seal(alice, bob), keys: trusting(alice, bob))
        #expect(Set(ids) == [alice.publicKey.id, bob.publicKey.id])
    }

    @Test("the signature is DSSE's own: openssl's view of the pre-authentication encoding verifies")
    func preAuthentication() async throws {
        let envelope = try Envelope(unverified: await seal(alice), what: "x")
        let message = Array("DSSEv1 33 application/vnd.hostctl.test+json 12 {\"format\":1}".utf8)
        #expect(alice.publicKey.verifies(envelope.signatures[0].signature, of: message))
    }

    @Test("a stranger's signature is refused")
    func stranger() async throws {
        #expect(reason(try await seal(bob), keys: trusting(alice))?.contains("no trusted key") == true)
    }

    @Test("a revoked key's signature is refused and named")
    func revoked() async throws {
        let keys = trusting(alice, bob, revoking: [bob])
        #expect(reason(try await seal(bob), keys: keys)?.contains("revoked key \(bob.publicKey.id)") == true)
    }

    @Test("a revoked signer beside a trusted one does not count and does no harm")
    func rotation() async throws {
        let keys = trusting(alice, revoking: [bob])
        #expect(try open(await seal(bob, alice), keys: keys) == [alice.publicKey.id])
    }

    @Test("nobody seals, nothing is sealed")
    func noSigner() async {
        await #expect(throws: TrustMetadataError.self) {
            try await Envelope.seal(payload, type: Self.type, signers: [])
        }
    }

    @Test("another payload under the same signature is refused")
    func swappedPayload() async throws {
        let other = JSONValue.string(Base64.encode(Array(#"{"format":2}"#.utf8)))
        let forged = try replacing("payload", in: await seal(alice), with: other)
        #expect(reason(forged, keys: trusting(alice))?.contains("changed after signing") == true)
    }

    @Test("a document of another type is refused although its signature is good")
    func otherType() async throws {
        let bytes = try await seal(alice)
        #expect(reason(bytes, keys: trusting(alice), type: "application/other")?.contains("its type is") == true)
    }

    @Test("a type that was changed to the expected one breaks the signature")
    func relabelled() async throws {
        let bytes = try await Envelope.seal(payload, type: "application/other", signers: [.key(alice)])
        let forged = try replacing("payloadType", in: bytes, with: .string(Self.type))
        #expect(reason(forged, keys: trusting(alice)) != nil)
    }

    @Test("bytes moved from the payload into the type break the signature")
    func movedBoundary() async throws {
        let forged = try replacing(
            "payload", in: replacing("payloadType", in: await seal(alice), with: .string(Self.type + " 12 {")),
            with: .string(Base64.encode(Array(payload.dropFirst()))))
        #expect(reason(forged, keys: trusting(alice), type: Self.type + " 12 {") != nil)
    }

    @Test("a plain signature of the payload alone is not enough")
    func signatureWithoutType() async throws {
        let plain: JSONValue = [
            ["keyid": .string(alice.publicKey.id), "sig": .string(Base64.encode(try alice.sign(payload)))]
        ]
        #expect(reason(try replacing("signatures", in: await seal(alice), with: plain), keys: trusting(alice)) != nil)
    }

    @Test("a key id is a hint: a lying one neither helps nor hurts")
    func lyingHint() async throws {
        let text = String(decoding: try await seal(bob), as: UTF8.self)
        let parts = text.components(around: bob.publicKey.id)
        let lying = Array(parts.joined(separator: alice.publicKey.id).utf8)
        #expect(reason(lying, keys: trusting(alice)) != nil)
        #expect(try open(lying, keys: trusting(bob)) == [bob.publicKey.id])
    }

    @Test(
        "no signatures, or odd ones, are refused",
        arguments: [
            #"[]"#, #"[{"keyid":"x","sig":""}]"#, #"[{"sig":"AAAA"}]"#,
        ])
    func oddSignatures(_ text: String) async throws {
        let value = try JSONValue(strict: Array(text.utf8), what: "x")
        #expect(reason(try replacing("signatures", in: await seal(alice), with: value), keys: trusting(alice)) != nil)
    }

    @Test("a missing or misshapen member is refused", arguments: ["payload", "payloadType", "signatures"])
    func misshapen(_ member: String) async throws {
        let bytes = try await seal(alice)
        for value in [nil, .null, 1, .object([]), ["x"], "?"] as [JSONValue?] {
            #expect(reason(try replacing(member, in: bytes, with: value), keys: trusting(alice)) != nil)
        }
    }

    @Test("a flipped bit anywhere in the envelope never gives another payload")
    func flippedBits() async throws {
        let bytes = try await seal(alice)
        let keys = trusting(alice)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 7)
            // Damage to the key id, a hint, may go unnoticed; what was signed may not.
            if let opened = opened(damaged, keys: keys) { #expect(opened == payload) }
        }
    }

    private func opened(_ bytes: [UInt8], keys: TrustedKeys) -> [UInt8]? {
        do { return try Envelope.open(bytes, type: Self.type, keys: keys, what: "x").payload } catch { return nil }
    }

    @Test("a message repeats nothing of a hostile document that a terminal would obey")
    func hostileText() async throws {
        let forged = try replacing("payloadType", in: await seal(alice), with: "\u{1b}]0;gotcha\u{7}")
        #expect(reason(forged, keys: trusting(alice))?.contains("\u{1b}") == false)
    }
}

extension String {
    fileprivate func components(around word: String) -> [String] {
        guard let range = ranges(of: word).first else { return [self] }
        return [String(self[..<range.lowerBound]), String(self[range.upperBound...])]
    }
}
