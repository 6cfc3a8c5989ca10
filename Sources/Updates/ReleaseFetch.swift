import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import Signatures
import SystemPackage
import Transfers

/// One release on its way into the store.
struct ReleaseFetch {
    let origin: String
    let store: Store
    let downloads: Downloads
    let keys: TrustedKeys
    let options: TransferOptions
    let progress: ProgressHandler
    /// What has to stay free for the deployment that follows.
    var reserve: (bytes: Int64, files: Int64) = (0, 0)
    /// Whether this run has written something already: what it says when there is no room has to be true.
    var hasBegun = false

    /// Fetches all that the manifest's commit needs. The commit and its signatures are verified before the
    /// first of its objects is asked for, and enter the store after the last.
    ///
    /// - Parameters:
    ///   - size: what is missing at most.
    ///   - usesPatches: whether something may be here that patches start from.
    ///   - route: the way through other releases, where there is one.
    /// - Throws: `UpdateError.notEnoughSpace` before anything is fetched; `TransferError`, `StoreError`,
    ///   `TrustMetadataError`, `ReleaseError`, `SystemError`.
    func run(
        _ manifest: ReleaseManifest, signed: [UInt8], client: ReleaseClient, size: FetchSize, usesPatches: Bool,
        route: ReleaseRoute? = nil
    ) throws -> FetchFigures {
        let commit = try client.commit(of: manifest)
        FaultPoint.reached("fetch.after-commit")
        let isHere = try downloads.isComplete(of: manifest.commit, in: store)
        let needed = SpaceNeeded(size, reserve, isHere: isHere)
        // Before the folder for it is made, unless an earlier run has.
        if !Files.exists(downloads.staging) { try needed.require(at: store.path, hasBegun: hasBegun) }
        let isOwn = try downloads.beginStaging(of: manifest.commit)
        let transaction = try StoreTransaction(store, staging: .resumable(downloads.staging))
        let spare = try spare(needed, transaction, for: manifest.commit, isOwn: isOwn)
        let fetcher = ObjectFetcher(
            repository: OriginLayout(root: origin).place(of: OriginLayout.store), options: options,
            sizeLimit: manifest.full.bytes)
        var figures = FetchFigures()
        if !isHere {
            let ladder = PatchLadder(
                manifest: manifest, commit: commit.commit, route: route, client: client, fetcher: fetcher,
                downloads: downloads,
                options: options, progress: progress)
            figures = try ladder.run(into: transaction, size: size, spare: spare, usesPatches: usesPatches)
        }
        FaultPoint.reached("fetch.before-objects")
        figures.add(
            try fetcher.fetch(
                commit.commit, into: transaction, objectCount: manifest.full.objects - 1, progress: progress))
        FaultPoint.reached("fetch.after-objects")
        try keep(commit, manifest, transaction)
        try downloads.save(signed)
        FaultPoint.reached("fetch.after-manifest")
        return figures
    }

    /// - Parameter isOwn: whether what is staged is this release's alone.
    private func spare(
        _ needed: SpaceNeeded, _ transaction: StoreTransaction, for commit: Checksum, isOwn: Bool
    ) throws -> Spare {
        if isOwn {
            return try needed.require(
                at: store.path, staged: transaction, without: downloads.passing(), hasBegun: true)
        }
        // How much of another release's objects this one needs is not known yet. They stay while there is room for
        // all that it may need besides.
        do { return try needed.require(at: store.path, hasBegun: true) } catch is UpdateError {
            try transaction.discard { _ in true }
            try downloads.restartStaging(of: commit)
            return try needed.require(at: store.path, hasBegun: true)
        }
    }

    /// Brings everything into the store and names it before a collector could run.
    private func keep(_ commit: VerifiedCommit, _ manifest: ReleaseManifest, _ transaction: StoreTransaction) throws {
        progress(ProgressReport("writing to disk"))
        // A run that was killed here for another release has left that one's commit, whose objects are gone.
        try transaction.discard { $0.kind == .commit && $0.checksum != commit.checksum }
        let lock = try store.lock(.shared)
        try transaction.write(.commit, commit.bytes, expected: commit.checksum)
        try transaction.commit()
        try downloads.endStaging()
        try store.setDetachedMetadata(commit.detachedMetadata, of: commit.checksum)
        FaultPoint.reached("fetch.before-refs")
        try store.setRef(Downloads.lease, to: commit.checksum)
        try store.setRef(manifest.ref, to: commit.checksum)
        FaultPoint.reached("fetch.after-refs")
        _ = consume lock
    }
}
