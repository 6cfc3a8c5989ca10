import Checksums
import Glibc
import LinuxSystem
import ObjectPatches
import ObjectStorage
import SystemPackage

/// Makes and keeps the patch pools and full packs of an origin's releases.
struct PatchPublishing {
    let origin: OriginFolder
    /// Where objects are looked for before the origin, in which they are compressed.
    let source: Store
    let progress: ProgressHandler

    /// What is in the origin of a pool.
    struct Published {
        let files: PatchFiles
        let index: PatchIndex

        /// What a host that has `base` downloads.
        func bytes(from base: Checksum) -> Int64? { index.poolBytes(from: base).map { $0 + files.indexSize } }
    }

    /// Makes the pool of a release, or takes up the one that an interrupted publication has left.
    ///
    /// - Parameter bases: the commits to start from, the newest first.
    /// - Throws: `StoreError`, `SystemError`.
    func publish(_ identity: ReleaseIdentity, _ commit: Checksum, from bases: [Checksum]) throws -> Published {
        let files = PoolFiles(origin, .patches, identity)
        if let finished = try files.finished(commit, bases) { return finished }
        let (made, index) = try makePatches(commit, from: bases, beside: files.pool)
        return try files.take(made, index, .patches)
    }

    /// Makes the full pack of a release, or takes up the one that an interrupted publication has left.
    ///
    /// - Throws: as `publish`.
    func publishFullPack(_ identity: ReleaseIdentity, _ commit: Checksum) throws -> Published {
        let files = PoolFiles(origin, .fullPack, identity)
        if let finished = try files.finished(commit, []) { return finished }
        FaultPoint.reached("publish.before-full-pack")
        let (made, index) = try makeFullPack(commit, beside: files.pool)
        return try files.take(made, index, .fullPack)
    }

    fileprivate func makePatches(
        _ commit: Checksum, from bases: [Checksum], beside place: FilePath
    ) throws -> (TemporaryPool, PatchIndex) {
        let builder = PoolBuilder(
            commit, from: bases, stores: [source, origin.store], temporary: origin.path, progress: progress)
        let pool = try TemporaryPool(beside: place)
        let index = try builder.build { try pool.append($0) }
        FaultPoint.reached("publish.before-patches")
        return (pool, index)
    }

    fileprivate func makeFullPack(_ commit: Checksum, beside place: FilePath) throws -> (TemporaryPool, PatchIndex) {
        let pack = try TemporaryPool(beside: place)
        let index = try PackBuilder(commit, in: source, progress: progress).build { try pack.append($0) }
        return (pack, index)
    }
}

/// What became of a pool that a published manifest names.
enum PoolState {
    case intact
    /// It was damaged or lost, and has been made again.
    case mended
    /// It cannot be made again with the same bytes. Hosts do without it.
    case lost
}

extension PatchPublishing {
    /// Looks whether a published release's pool is what its manifest names, and makes it anew when it is not.
    ///
    /// Only the same bytes will do: the manifest is signed, and hosts that read it while it changed would refuse it.
    /// - Parameter bases: where patches start, when the index does not say it any more.
    /// - Throws: `StoreError`, `SystemError`.
    func mend(_ kind: PoolKind, of manifest: ReleaseManifest, bases: [Checksum]) throws -> PoolState {
        guard let expected = manifest.files(kind) else { return .intact }
        let files = PoolFiles(origin, kind, manifest)
        let index = try files.readIndex(expected)
        if let index, try files.poolChecksum(index) == expected.poolChecksum { return .intact }
        FaultPoint.reached("publish.before-mending")
        let made: TemporaryPool
        let new: PatchIndex
        switch kind {
        case .patches: (made, new) = try makePatches(manifest.commit, from: index?.bases ?? bases, beside: files.pool)
        case .fullPack: (made, new) = try makeFullPack(manifest.commit, beside: files.pool)
        }
        guard PatchFiles(new.frame(), new, poolChecksum: made.checksum) == expected else { return .lost }
        _ = try files.take(made, new, kind)
        return .mended
    }
}

/// A pool that is being written, under a name that is not its own.
private final class TemporaryPool {
    private let path: FilePath
    private let file: Descriptor
    private var hasher = SHA256()
    private var isMoved = false

    init(beside place: FilePath) throws {
        try Files.makeFolder(place.removingLastComponent())
        path = Files.temporaryName(beside: place)
        file = try Descriptor(opening: path.string, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
        // What nobody holds is what a kill has left.
        _ = flock(file.raw, LOCK_EX | LOCK_NB)
        // Whatever the umask is: a web server reads it.
        try retrying("set the permissions of", path.string) { fchmod(file.raw, 0o644) }
    }

    deinit { if !isMoved { unlink(path.string) } }

    /// Of all that was written; nothing more is written after it was asked for.
    private(set) lazy var checksum: Checksum = hasher.finish()

    func append(_ bytes: [UInt8]) throws(SystemError) {
        hasher.update(bytes)
        try file.write(bytes)
    }

    /// Gives it its place, durably.
    func move(to place: FilePath) throws(SystemError) {
        try file.sync()
        isMoved = true
        try Files.move(path, over: place)
    }
}

/// A pool and its index in an origin's folder.
private struct PoolFiles {
    let index: FilePath
    let pool: FilePath

    private init(_ origin: OriginFolder, _ places: PatchPlaces) {
        index = origin.path.appending(places.index)
        pool = origin.path.appending(places.pool)
    }

    init(_ origin: OriginFolder, _ kind: PoolKind, _ identity: ReleaseIdentity) {
        self.init(
            origin,
            PatchPlaces(
                kind, channel: identity.channel, architecture: identity.architecture, version: identity.version))
    }

    init(_ origin: OriginFolder, _ kind: PoolKind, _ manifest: ReleaseManifest) {
        self.init(origin, PatchPlaces(kind, of: manifest))
    }

    /// The index is written last, so a pool with an index should be whole; it is hashed all the same before it is
    /// signed.
    func finished(_ commit: Checksum, _ bases: [Checksum]) throws -> PatchPublishing.Published? {
        guard let frame = try Files.readIfPresent(self.index, limit: PatchLimits.indexBytes) else { return nil }
        let index: PatchIndex
        // Whatever is wrong with it: then it is made anew.
        do throws(PatchError) { index = try PatchIndex(ownFrame: frame) } catch { return nil }
        guard index.commit == commit, index.bases == bases, let checksum = try poolChecksum(index) else { return nil }
        return .init(files: PatchFiles(frame, index, poolChecksum: checksum), index: index)
    }

    /// The index that the manifest names; `nil` when it is not there, or another one is.
    func readIndex(_ files: PatchFiles) throws -> PatchIndex? {
        guard let frame = try Files.readIfPresent(index, limit: PatchLimits.indexBytes),
            SHA256.hash(frame) == files.indexChecksum
        else { return nil }
        do throws(PatchError) { return try PatchIndex(ownFrame: frame) } catch { return nil }
    }

    /// `nil` when the file is not the pool of the index.
    func poolChecksum(_ index: PatchIndex) throws(SystemError) -> Checksum? {
        guard Files.exists(pool) else { return nil }
        let file = try Descriptor(opening: pool.string)
        guard try file.status().st_size == index.poolSize else { return nil }
        var whole = SHA256()
        for part in index.parts {
            let bytes = try file.read(exactly: part.storedSize)
            guard SHA256.hash(bytes) == part.checksum else { return nil }
            whole.update(bytes)
        }
        return whole.finish()
    }

    /// Gives a pool that was made its place, and then its index.
    func take(_ made: TemporaryPool, _ new: PatchIndex, _ kind: PoolKind) throws -> PatchPublishing.Published {
        try made.move(to: pool)
        switch kind {
        case .patches: FaultPoint.reached("publish.after-pool")
        case .fullPack: FaultPoint.reached("publish.after-full-pack")
        }
        let frame = new.frame()
        try Files.replace(index, with: frame)
        FaultPoint.reached("publish.after-patches")
        return .init(files: PatchFiles(frame, new, poolChecksum: made.checksum), index: new)
    }
}

extension PatchFiles {
    fileprivate init(_ frame: [UInt8], _ index: PatchIndex, poolChecksum: Checksum) {
        self.init(
            indexSize: Int64(frame.count), indexChecksum: SHA256.hash(frame),
            indexDecodedSize: Int64(index.encode().count), poolSize: index.poolSize, poolChecksum: poolChecksum)
    }
}

extension OriginFolder {
    /// Removes what killed publications have left of pools that they were writing. The origin must be locked.
    func removeTornPatches(channel: ChannelName, architecture: Architecture) throws {
        let folder = path.appending(OriginLayout.patchFolder(channel: channel, architecture: architecture))
        for name in try Files.namesIfPresent(in: folder) where Files.isTemporary(name) {
            let file = folder.appending(name)
            if Files.isAbandoned(file) { try Files.remove(file) }
        }
    }

    /// Removes a pool that no manifest names: what a publication has left that was then asked for without one.
    func removePool(_ kind: PoolKind, of identity: ReleaseIdentity) throws {
        let files = PoolFiles(self, kind, identity)
        try Files.remove(files.index)
        try Files.remove(files.pool)
    }
}
