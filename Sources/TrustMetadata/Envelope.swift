public import Signatures

/// A signed document: DSSE, https://github.com/secure-systems-lab/dsse.
///
/// What is signed is the type and the payload's very bytes, so nothing is read out of a payload before its
/// signature holds, and a document of one type never passes for one of another.
public struct Envelope: Sendable {
    /// What the payload claims to be, a media type.
    public let payloadType: String
    /// Signatures, in the order they stand there; the key ids are hints that nobody vouches for.
    public let signatures: [(keyID: String, signature: [UInt8])]
    /// The payload, worth nothing until the signatures have been checked: `open` is the way to read one.
    public let unverifiedPayload: [UInt8]

    /// A thousand signatures: more only serves to fill the memory before the first one is checked.
    static let valueLimit = 4096

    /// Reads the outer form; nothing is trusted yet.
    ///
    /// - Parameter what: names the document in messages, as "the release manifest".
    /// - Throws: `TrustMetadataError.malformed`.
    public init(unverified bytes: [UInt8], what: String) throws(TrustMetadataError) {
        let fields = try JSONFields(strict: bytes, what: what, valueLimit: Self.valueLimit)
        payloadType = try fields.string("payloadType")
        unverifiedPayload = try Self.base64("payload", of: fields)
        var signatures: [(keyID: String, signature: [UInt8])] = []
        for entry in try fields.objects("signatures") {
            let keyID = entry.has("keyid") ? try entry.string("keyid") : ""
            signatures.append((keyID: keyID, signature: try Self.base64("sig", of: entry)))
        }
        self.signatures = signatures
    }

    /// Signs a payload.
    ///
    /// - Parameters:
    ///   - type: its media type.
    ///   - signers: at least one, each adds a signature.
    /// - Throws: `TrustMetadataError.untrusted` without a signer; `SignatureError` when one cannot sign.
    public static func seal(_ payload: [UInt8], type: String, signers: [Signer]) async throws -> [UInt8] {
        guard !signers.isEmpty else {
            throw TrustMetadataError.untrusted(what: "the new document", detail: "nobody signs it")
        }
        let message = signedBytes(payload, type: type)
        var signatures: [JSONValue] = []
        for signer in signers {
            let signature = Base64.encode(try await signer.sign(message))
            signatures.append(["keyid": .string(signer.publicKey.id), "sig": .string(signature)])
        }
        let envelope: JSONValue = [
            "payloadType": .string(type), "payload": .string(Base64.encode(payload)), "signatures": .array(signatures),
        ]
        return envelope.encode()
    }

    /// The payload of a document that a trusted key has signed.
    ///
    /// - Parameters:
    ///   - type: the only type that is accepted.
    ///   - what: names the document in messages, as "the release manifest".
    /// - Returns: the payload and the ids of the trusted keys whose signatures hold.
    /// - Throws: `TrustMetadataError.malformed`; `.untrusted` saying why.
    public static func open(
        _ bytes: [UInt8], type: String, keys: TrustedKeys, what: String
    ) throws(TrustMetadataError) -> (payload: [UInt8], keyIDs: [String]) {
        let envelope = try Envelope(unverified: bytes, what: what)
        guard envelope.payloadType == type else {
            throw .malformed(what: what, detail: "its type is '\(envelope.payloadType.printable)', not '\(type)'")
        }
        switch envelope.verdict(keys: keys) {
        case .trusted(let ids): return (envelope.unverifiedPayload, ids)
        case .revoked(let ids):
            throw .untrusted(what: what, detail: "it is signed by the revoked key \(ids.joined(separator: ", "))")
        case .unknownKey: throw .untrusted(what: what, detail: envelope.whyUnknown(keys: keys))
        case .invalid: throw .untrusted(what: what, detail: "its signatures cannot be ed25519 signatures")
        case .unsigned: throw .untrusted(what: what, detail: "it has no signature")
        }
    }

    /// What the signatures are worth.
    public func verdict(keys: TrustedKeys) -> Verdict {
        keys.verdict(
            on: Self.signedBytes(unverifiedPayload, type: payloadType), signatures: signatures.map(\.signature))
    }

    private func whyUnknown(keys: TrustedKeys) -> String {
        let hints = signatures.map(\.keyID)
        if let known = keys.keys.first(where: { hints.contains($0.key.id) }) {
            return "the signature by \(known.name) does not match: it was changed after signing"
        }
        let names = hints.map { $0.isEmpty ? "unknown" : $0.printable }
        return "no trusted key has signed it (signed by \(names.joined(separator: ", ")))"
    }

    private static func base64(_ key: String, of fields: JSONFields) throws(TrustMetadataError) -> [UInt8] {
        guard let bytes = Base64.decode(try fields.string(key)) else {
            throw fields.malformed("'\(key)' is not base64")
        }
        return bytes
    }

    /// DSSE's pre-authentication encoding: lengths first, so that no other split gives the same bytes.
    static func signedBytes(_ payload: [UInt8], type: String) -> [UInt8] {
        Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
    }
}
