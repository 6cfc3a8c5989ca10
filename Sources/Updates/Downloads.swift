import Checksums
import LinuxSystem
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
