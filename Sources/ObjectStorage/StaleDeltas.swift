import Checksums
import LinuxSystem
import SystemPackage

/// Static deltas, which stock tools make, to commits that are gone; libostree's prune removes them, too.
///
/// `deltas/<2 characters>/<rest>/` is named by the commit it leads to, or by two with `-` between them, in base64 with
/// `_` for `/` and without padding; `delta-indexes/<2>/<rest>.index` by one.
struct StaleDeltas {
    private let store: Store

    init(_ store: Store) { self.store = store }

    func remove(isDryRun: Bool, _ space: inout FreedSpace, where isGone: (Checksum) -> Bool) throws {
        for parent in ["deltas", "delta-indexes"] {
            for prefix in try Files.namesIfPresent(in: store.path.appending(parent)) where prefix.utf8.count == 2 {
                let folder = store.path.appending(parent).appending(prefix)
                guard Files.isFolder(folder) else { continue }
                for name in try Files.names(in: folder) {
                    guard let target = Self.target(prefix + name), isGone(target) else { continue }
                    try space.addTree(folder.appending(name))
                    if !isDryRun { try Files.removeTree(folder.appending(name)) }
                }
            }
        }
    }

    /// The commit that a delta leads to.
    static func target(_ name: String) -> Checksum? {
        let text = name.hasSuffix(".index") ? name.dropLast(6) : name[...]
        guard let last = text.split(separator: "-", omittingEmptySubsequences: false).last else { return nil }
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_".utf8)
        var bits: UInt32 = 0
        var count = 0
        var bytes: [UInt8] = []
        for character in last.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return Checksum(bytes: bytes)
    }
}
