import Checksums
import Glibc
import LinuxSystem
import ObjectPatches
import ObjectStorage
import SystemPackage

/// Makes and keeps the patch pools of an origin's releases.
struct PatchPublishing {
    let origin: OriginFolder
    /// Where objects are looked for before the origin, in which they are compressed.
    let source: Store
    let progress: ProgressHandler

    /// What is in the origin of a release's pool.
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
        let places = Places(origin, identity)
        if let finished = try finished(places, commit, bases) { return finished }
        let builder = PoolBuilder(
            commit, from: bases, stores: [source, origin.store], temporary: origin.path, progress: progress)
        let pool = try builder.build()
        FaultPoint.reached("publish.before-patches")
        return try write(pool, places)
    }

    private struct Places {
        let index: FilePath
        let pool: FilePath

        init(_ origin: OriginFolder, _ identity: ReleaseIdentity) {
            index = origin.path.appending(
                OriginLayout.patchIndex(
                    channel: identity.channel, architecture: identity.architecture, version: identity.version))
            pool = origin.path.appending(
                OriginLayout.patchPool(
                    channel: identity.channel, architecture: identity.architecture, version: identity.version))
        }
    }

    /// The index is written last, so a pool with an index should be whole; it is hashed all the same before it is
    /// signed.
    private func finished(_ places: Places, _ commit: Checksum, _ bases: [Checksum]) throws -> Published? {
        guard let frame = try Files.readIfPresent(places.index, limit: PatchLimits.indexBytes) else { return nil }
        let index: PatchIndex
        // Whatever is wrong with it: then it is made anew.
        do throws(PatchError) { index = try PatchIndex(ownFrame: frame) } catch { return nil }
        guard index.commit == commit, index.bases == bases, let checksum = try checksum(places.pool, index) else {
            return nil
        }
        return Published(frame, index, poolChecksum: checksum)
    }

    /// `nil` when the file is not the pool of the index.
    private func checksum(_ path: FilePath, _ index: PatchIndex) throws(SystemError) -> Checksum? {
        guard Files.exists(path) else { return nil }
        let file = try Descriptor(opening: path.string)
        guard try file.status().st_size == index.poolSize else { return nil }
        var whole = SHA256()
        for part in index.parts {
            let bytes = try file.read(exactly: part.storedSize)
            guard SHA256.hash(bytes) == part.checksum else { return nil }
            whole.update(bytes)
        }
        return whole.finish()
    }

    private func write(_ pool: BuiltPool, _ places: Places) throws -> Published {
        try Files.makeFolder(places.pool.removingLastComponent())
        var whole = SHA256()
        for part in pool.parts { whole.update(part) }
        try Files.replace(places.pool) { (file: borrowing Descriptor) throws(SystemError) in
            for part in pool.parts { try file.write(part) }
        }
        FaultPoint.reached("publish.after-pool")
        let frame = pool.index.frame()
        try Files.replace(places.index, with: frame)
        FaultPoint.reached("publish.after-patches")
        return Published(frame, pool.index, poolChecksum: whole.finish())
    }
}

extension PatchPublishing.Published {
    fileprivate init(_ frame: [UInt8], _ index: PatchIndex, poolChecksum: Checksum) {
        files = PatchFiles(
            indexSize: Int64(frame.count), indexChecksum: SHA256.hash(frame),
            indexDecodedSize: Int64(index.encode().count), poolSize: index.poolSize, poolChecksum: poolChecksum)
        self.index = index
    }
}
