public import Checksums

/// What stands in the place of a commit that was removed on purpose: `a{sv}` with `commit`, its checksum as text.
///
/// Source: ostree's `ostree_repo_delete_object`.
public enum Tombstone {
    public static func encode(_ commit: Checksum) -> [UInt8] {
        VariantDictionary.encode(["commit": .bytes(Array(commit.hex.utf8) + [0])])
    }
}
