import LinuxSystem
public import Signatures
import SystemPackage
import TrustMetadata

/// The keys that were ever seen revoked on this host: the file `revoked.json`.
///
/// Every deployment has an /etc of its own, so a rollback brings back one without the mask that was written since.
/// This file is outside of all of them. Nothing but the removal of a key's line makes the key count again.
public struct RevokedKeys: Sendable, Equatable {
    /// The keys, in the order in which they were seen.
    public var keys: [PublicKey]

    public init(_ keys: [PublicKey] = []) { self.keys = keys }

    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("revoked.json") }

    /// Reads the file; a missing one is empty.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedRevocations`.
    public static func load(_ paths: SysrootPaths) throws -> RevokedKeys {
        let path = path(in: paths)
        do {
            let lines = try StateFile(path: path).read { (fields) throws(TrustMetadataError) in
                try fields.strings("keys")
            }
            return try RevokedKeys((lines ?? []).map { try PublicKey(ostreeLine: $0, path: "a key") })
        } catch SysrootError.damagedState(_, let detail) {
            throw SysrootError.damagedRevocations(path: path.string, detail: detail)
        } catch let error as SignatureError {
            throw SysrootError.damagedRevocations(path: path.string, detail: error.reason)
        }
    }

    /// Replaces the file in one durable step.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        // Public keys are no secret, and whoever may read the store can judge with them.
        try StateFile(path: Self.path(in: paths)).write(
            ["format": 1, "keys": .array(keys.map { .string($0.ostreeLine) })], mode: 0o644)
    }

    /// Adds the revoked ones of `keys` that the file does not have yet. The caller holds a lock of the sysroot.
    ///
    /// - Throws: as `load` and `save`.
    public static func remember(_ keys: TrustedKeys, in paths: SysrootPaths) throws {
        let known = try load(paths)
        let all = TrustedKeys(keys: [], revoked: known.keys).adding(revoked: keys.revoked)
        if all.revoked.count > known.keys.count { try RevokedKeys(all.revoked).save(paths) }
    }
}

extension SysrootReader {
    /// The keys that count for this sysroot: those of `trustedKeyFolders`, without any that was ever revoked here.
    ///
    /// - Throws: as `TrustedKeys.load` and `RevokedKeys.load`: without the list no key can be known to count.
    public func trustedKeys() throws -> TrustedKeys { try trustedKeys(in: trustedKeyFolders) }

    func trustedKeys(in folders: [FilePath]) throws -> TrustedKeys {
        try TrustedKeys.load(folders: folders).adding(revoked: RevokedKeys.load(paths).keys)
    }

    /// Remembers the keys that are masked now, before the /etc with the masks may stop counting.
    ///
    /// Key files or a list that cannot be read keep nobody from a rollback: `status` reports them, and nothing is
    /// accepted while they are so.
    /// - Throws: `SystemError`.
    public func rememberRevokedKeys() throws {
        do { try RevokedKeys.remember(trustedKeys(), in: paths) } catch is SignatureError {
        } catch is SysrootError {}
    }
}
