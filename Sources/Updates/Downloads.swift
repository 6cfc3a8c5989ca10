import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import Signatures
import Sysroots
import SystemPackage
import TrustMetadata

/// What is being, or has been, downloaded: the folder `download` beside hostctl's other state.
///
/// ```
/// staging/        verified objects on their way into the store; survives an interruption
/// releases        commits whose objects are in it; `unknown` for what was there before it
/// passing         names of those in it that were made of other releases on the way, and will not be kept
/// manifest.json   the signed manifest of a complete download, byte for byte
/// ```
struct Downloads {
    private let folder: FilePath
    /// The ref that keeps a complete download from being collected.
    static let lease = "hostctl/download"

    /// Its lock stays where it is: whoever holds it would otherwise hold a file that nobody else finds.
    private static let lockName = "lock"

    init(_ paths: SysrootPaths) { folder = paths.state.appending("download") }

    var staging: FilePath { folder.appending("staging") }
    private var manifestPath: FilePath { folder.appending("manifest.json") }

    /// One download at a time; others may roll back or pin meanwhile.
    func lock(_ command: String, seconds: Double, waiting: (String?) -> Void) throws -> FileLock {
        try Files.makeFolder(folder, mode: 0o700)
        return try FileLock(
            folder.appending(Self.lockName), .exclusive, seconds: seconds, holder: command, waiting: waiting)
    }

    private var releasesPath: FilePath { folder.appending("releases") }

    /// Remembers, before anything of it is staged, which release that is for.
    ///
    /// - Returns: whether what is staged is this release's alone. What is not, or is not known to be, does not count as a
    ///   part of it.
    /// - Throws: `SystemError`.
    func beginStaging(of commit: Checksum) throws -> Bool {
        let known = try Files.readIfPresent(releasesPath, limit: 1 << 20) ?? []
        let lines = Set(String(decoding: known, as: UTF8.self).split(separator: "\n"))
        let hasBegun = Files.exists(staging)
        if hasBegun, lines == [Substring(commit.hex)] { return true }
        // What an older hostctl has staged without a word stays unknown, also to later runs.
        let others: Set<Substring> = !hasBegun ? [] : lines.isEmpty ? ["unknown"] : lines
        try Files.replace(
            releasesPath, with: Array(others.union([Substring(commit.hex)]).sorted().joined(separator: "\n").utf8))
        FaultPoint.reached("fetch.after-releases")
        return !hasBegun
    }

    /// Remembers that all that was staged is gone: what comes now is this release's alone.
    ///
    /// - Throws: `SystemError`.
    func restartStaging(of commit: Checksum) throws {
        try Files.replace(releasesPath, with: Array(commit.hex.utf8))
    }

    private var passingPath: FilePath { folder.appending("passing") }
    /// The most bytes of `passing`: as many objects as the indexes of a way may have.
    private static let passingLimit = 256 << 20

    /// What an interrupted run has staged, or was going to, and nobody will keep.
    ///
    /// - Throws: `SystemError`.
    func passing() throws -> Set<ObjectName> {
        guard let bytes = try Files.readIfPresent(passingPath, limit: Self.passingLimit) else { return [] }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        return Set(
            lines.compactMap { line in
                let parts = line.split(separator: ".").map(String.init)
                guard parts.count == 2, let checksum = Checksum(hex: parts[0]),
                    let kind = ObjectKind(rawValue: parts[1])
                else { return nil }
                return ObjectName(checksum, kind)
            })
    }

    /// Remembers, before they are made, what will not be kept.
    ///
    /// - Throws: `SystemError`.
    func savePassing(_ names: Set<ObjectName>) throws {
        let known = try passing()
        if names.isSubset(of: known) { return }
        let lines = known.union(names).map { "\($0.checksum.hex).\($0.kind.rawValue)\n" }.sorted()
        try Files.replace(passingPath, with: Array(lines.joined().utf8))
        FaultPoint.reached("patches.after-passing")
    }

    /// Nothing is staged any more.
    ///
    /// - Throws: `SystemError`.
    func endStaging() throws {
        try Files.remove(passingPath)
        try Files.remove(releasesPath)
    }

    func save(_ signedManifest: [UInt8]) throws { try Files.replace(manifestPath, with: signedManifest) }

    /// The manifest of the complete download, verified anew: keys may have been revoked since.
    ///
    /// - Throws: `UpdateError.nothingDownloaded`, `TrustMetadataError`, `SystemError`.
    func manifest(_ keys: TrustedKeys) throws -> ReleaseManifest {
        guard let bytes = try Files.readIfPresent(manifestPath, limit: ReleaseManifest.sizeLimit) else {
            throw UpdateError.nothingDownloaded
        }
        return try ReleaseManifest(signed: bytes, keys: keys)
    }

    /// Whether the lease says that all objects of this commit have been fetched.
    func isComplete(of commit: Checksum, in store: Store) throws -> Bool {
        try store.refs(below: "hostctl")[Self.lease] == commit
    }

    /// Forgets a download of this commit, which is deployed: an interrupted update did not come to it.
    func clear(_ store: Store, of commit: Checksum) throws {
        if try isComplete(of: commit, in: store) { try clear(store) }
    }

    /// Forgets a download that is deployed or replaced.
    func clear(_ store: Store) throws {
        try Files.remove(manifestPath)
        try store.setRef(Self.lease, to: nil)
    }

    /// Whether a download is complete, and waits to be deployed.
    var isComplete: Bool { Files.exists(manifestPath) }

    /// What lies here besides the lock.
    ///
    /// - Throws: `SystemError`.
    func contents() throws -> [FilePath] {
        try Files.namesIfPresent(in: folder).filter { $0 != Self.lockName && !Files.isTemporary($0) }
            .map { folder.appending($0) }
    }
}
