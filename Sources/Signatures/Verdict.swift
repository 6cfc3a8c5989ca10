/// What the signatures of something are worth.
public enum Verdict: Equatable, Sendable {
    /// Good signatures by trusted keys that are not revoked: these.
    case trusted(keyIDs: [String])
    /// No good signature by a trusted key, but good ones by revoked keys: these.
    case revoked(keyIDs: [String])
    /// Signatures, none of them by a key known here over this content: the key is another one, or the
    /// content was changed after signing. An ed25519 signature does not say which.
    case unknownKey
    /// Signatures that cannot be any, by their length or their number.
    case invalid
    /// No signature at all.
    case unsigned

    /// Whether the content may be used.
    public var isTrusted: Bool {
        if case .trusted = self { true } else { false }
    }
}
