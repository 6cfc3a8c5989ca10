import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A loader's file, whose name the firmware or another program knows, and which therefore has to be replaced.
///
/// The new content is written beside the old one, flushed and read back; then the two names are exchanged, and the
/// partition is flushed. The exchange changes two names in one folder: in EFI/BOOT they share a sector, so that the disk has
/// either both or neither. Nothing is freed before the exchange is on the disk, so whichever content the name leads to
/// is complete. The old one stays as `<name>.OLD` until the new one has booted.
struct ReplacedFile: Sendable {
    let partition: BootPartition
    let path: FilePath

    private func beside(_ suffix: String) -> FilePath {
        let name = path.lastComponent.map { $0.string } ?? ""
        let stem = name.split(separator: ".", omittingEmptySubsequences: false).dropLast().joined(separator: ".")
        return path.removingLastComponent().appending("\(stem.isEmpty ? name : stem)\(suffix)")
    }
    private var new: FilePath { beside(".NEW") }
    private var old: FilePath { beside(".OLD") }

    /// Whether the file has the content of `source`.
    func isEqual(to source: FilePath) throws -> Bool {
        try Files.exists(path) && BootPartition.areEqual(path, source)
    }

    var hasFallback: Bool { Files.exists(old) || Files.exists(new) }

    /// Adds the file, or replaces it, so that it has the content of `source`. Again is fine, after a kill as well.
    func put(_ source: FilePath) throws {
        guard Files.exists(path) else {
            try partition.makeFolder(path.removingLastComponent())
            return try partition.addCopy(path, of: source)
        }
        if try BootPartition.areEqual(path, source) { return try keepFallback() }
        try discard(new)
        try discard(old)
        try partition.addCopy(new, of: source)
        FaultPoint.reached("boot.before-loader-exchange")
        try retrying("exchange", path.string) {
            hostctl_renameat2(AT_FDCWD, new.string, AT_FDCWD, path.string, HOSTCTL_RENAME_EXCHANGE)
        }
        FaultPoint.reached("boot.after-loader-exchange")
        // Not one file after the other: between the two both names would lead to one content.
        try partition.flush()
        FaultPoint.reached("boot.after-loader-flush")
        try keepFallback()
    }

    /// Calls what the exchange has left by the fallback's name.
    private func keepFallback() throws {
        guard Files.exists(new) else { return }
        if Files.exists(old) { return try discard(new) }
        try partition.move(new, toNew: old)
    }

    /// Removes the fallback, once the loader has booted.
    func confirm() throws {
        try discard(old)
        try discard(new)
    }

    /// Removes what stands beside the file. What has the file's own content stays: after a power cut the two might share
    /// their clusters, and removing one would take the other's away.
    private func discard(_ path: FilePath) throws {
        guard Files.exists(path) else { return }
        if try BootPartition.size(of: path) > 0, try BootPartition.areEqual(path, self.path) { return }
        try partition.remove(path)
    }
}
