import LinuxSystem
public import SystemPackage

/// The keys whose signatures count here, and those that never count again.
///
/// Keys are files `NAME.pem` in folders ordered by precedence. A file replaces those of the same name in
/// lower folders. An empty file or a link to /dev/null is a mask: it revokes the keys that lower folders have
/// under its name, and a revoked key stays revoked whatever other file holds it.
public struct TrustedKeys: Sendable {
    /// More signatures than this on one thing are an attempt to keep the verifier busy.
    public static let signatureLimit = 64

    /// The trusted keys, none of them revoked, sorted by name.
    public let keys: [(name: String, key: PublicKey)]
    /// The revoked keys.
    public let revoked: [PublicKey]

    /// From keys at hand; a key that is also among `revoked` does not count.
    public init(keys: [(name: String, key: PublicKey)], revoked: [PublicKey] = []) {
        self.keys = keys.filter { !revoked.contains($0.key) }
        self.revoked = revoked
    }

    /// These keys with more revoked ones, which do not count whatever file holds them.
    public func adding(revoked more: [PublicKey]) -> TrustedKeys {
        var all = revoked
        for key in more where !all.contains(key) { all.append(key) }
        return TrustedKeys(keys: keys, revoked: all)
    }

    /// Reads the folders, highest precedence first; a missing folder is an empty one.
    ///
    /// - Throws: `SignatureError` naming the file that is not one ed25519 public key, because a set of keys
    ///   that was only partly read is not the set the operator chose; `SystemError`.
    public static func load(folders: [FilePath]) throws -> TrustedKeys {
        var keys: [String: PublicKey] = [:]
        var revoked: [PublicKey] = []
        var named: Set<String> = []
        var masked: Set<String> = []
        for folder in folders {
            for name in try Files.namesIfPresent(in: folder) where isKeyName(name) {
                let isReplaced = !named.insert(name).inserted
                // What is neither trusted nor revoked here is not even read, so a broken file can be replaced.
                if isReplaced, !masked.contains(name), try !TrustFile.isMask(folder.appending(name)) { continue }
                switch try TrustFile(reading: folder.appending(name)) {
                case .mask: masked.insert(name)
                case .key(let key) where masked.contains(name): revoked.append(key)
                case .key(let key): keys[name] = key
                }
            }
        }
        let sorted = keys.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return TrustedKeys(keys: sorted.map { (name: $0.key, key: $0.value) }, revoked: revoked)
    }

    /// What `signatures` of `message` are worth. Each signature is tried with each key; hints are not needed.
    public func verdict(on message: [UInt8], signatures: [[UInt8]]) -> Verdict {
        if signatures.isEmpty { return .unsigned }
        let plausible = signatures.filter { $0.count == 64 }
        guard signatures.count <= Self.signatureLimit, !plausible.isEmpty else { return .invalid }
        let good = signers(among: keys.map(\.key), of: message, signatures: plausible)
        if !good.isEmpty { return .trusted(keyIDs: good) }
        let bad = signers(among: revoked, of: message, signatures: plausible)
        return bad.isEmpty ? .unknownKey : .revoked(keyIDs: bad)
    }

    private func signers(among keys: [PublicKey], of message: [UInt8], signatures: [[UInt8]]) -> [String] {
        var ids: [String] = []
        for key in keys where !ids.contains(key.id) {
            if signatures.contains(where: { key.verifies($0, of: message) }) { ids.append(key.id) }
        }
        return ids
    }

    private static func isKeyName(_ name: String) -> Bool { name.hasSuffix(".pem") && !name.hasPrefix(".") }
}
