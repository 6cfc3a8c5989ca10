import Checksums
public import LinuxSystem
import OSTree
import ObjectFormats
public import ObjectStorage
public import Signatures
import SystemPackage
import TrustMetadata

/// What a publication did.
public struct PublishedRelease: Sendable, Equatable {
    public let manifest: ReleaseManifest
    /// Whether it had been published before; what was missing of it has been completed.
    public let wasPublished: Bool
    /// Objects that the origin did not have, and their compressed bytes.
    public let newObjects: Int
    public let newBytes: Int64
    /// The number of the channel index that names it.
    public let sequence: Int64
    /// Of a release that had been published: files, relative to the origin, that were damaged and are whole again.
    public var mended: [String] = []
    /// The same that cannot be made again as they were; hosts do without them.
    public var lost: [String] = []
}

/// Makes commits of a build store releases of an origin.
///
/// The order makes it atomic: objects with a ref that keeps them, signatures, the manifest, and then the channel
/// index, whose replacement is the switch. Each step may be repeated, so an interrupted publication is
/// completed by running it again.
public struct Publisher: Sendable {
    public let origin: OriginFolder
    public let signers: [Signer]
    public let progress: ProgressHandler
    /// Whose documents in the origin are continued.
    let keys: TrustedKeys
    /// Told, before a wait, who is being waited for.
    let waiting: @Sendable (String?) -> Void
    /// For how many earlier releases the size of the step is told, even when there are no patches from so many.
    static let previousReleases = 5

    /// - Parameter trusting: keys besides the signers' own that may have signed what the origin has, as after a
    ///   change of keys.
    public init(
        _ origin: OriginFolder, signers: [Signer], trusting: [PublicKey] = [],
        progress: @escaping ProgressHandler = { _ in },
        waiting: @escaping @Sendable (String?) -> Void = { _ in }
    ) {
        self.origin = origin
        self.signers = signers
        keys = TrustedKeys(keys: (signers.map(\.publicKey) + trusting).map { (name: $0.id, key: $0) })
        self.progress = progress
        self.waiting = waiting
    }

    /// Publishes the commit that `ref` names in `source`.
    ///
    /// - Parameters:
    ///   - epoch: the security epoch of the release.
    ///   - minimumHostctl: the oldest hostctl that can install it.
    ///   - patchBases: from how many earlier releases patches are made, at most 64.
    ///   - fullPack: whether the release gets a full pack, about as large as a compressed image.
    ///   - wait: seconds to wait for another publisher.
    /// - Throws: `ReleaseError`, also `.notAnImage`; `StoreError`, `SignatureError`, `LockedError`, `SystemError`.
    public func publish(
        _ ref: String, from source: Store, epoch: Int64 = 0, minimumHostctl: String, patchBases: Int = 0,
        fullPack: Bool = false, wait: Double = 0
    ) async throws -> PublishedRelease {
        let lock = try origin.lock("hostctl release publish", seconds: wait, waiting: waiting)
        let terms = Terms(epoch: epoch, minimumHostctl: minimumHostctl, patchBases: patchBases, fullPack: fullPack)
        let published = try await publishLocked(ref, from: source, terms)
        _ = consume lock
        return published
    }

    /// What a commit does not say of itself.
    private struct Terms {
        let epoch: Int64
        let minimumHostctl: String
        let patchBases: Int
        let fullPack: Bool
    }

    private func publishLocked(
        _ ref: String, from source: Store, _ terms: Terms
    ) async throws -> PublishedRelease {
        guard source.mode == .bare else {
            throw ReleaseError.notAnImage(image: ref, detail: "\(source.path) is an archive, not a build store")
        }
        let checksum = try source.resolve(ref)
        let identity = try identity(source.commit(checksum), of: ref)
        var index = try origin.index(channel: identity.channel, architecture: identity.architecture, keys: keys)
        let known = index.releases.first { $0.version == identity.version }
        let published = try known.map { try origin.manifest($0, of: index, keys: keys) }
        try requireNew(identity, checksum, terms, published, index)
        if published == nil { try requireReachable(checksum, in: source, image: ref) }
        try origin.removeTornPatches(channel: identity.channel, architecture: identity.architecture)
        FaultPoint.reached("publish.before-objects")
        let copied = try copyObjects(checksum, from: source, lease: identity.lease)
        FaultPoint.reached("publish.after-lease")
        try await sign(checksum)
        let manifest = try published ?? manifest(identity, checksum, source, index, terms)
        if known == nil { try await announce(manifest, in: &index) }
        try updateForOtherClients(identity, index)
        var release = PublishedRelease(
            manifest: manifest, wasPublished: known != nil, newObjects: copied.objects, newBytes: copied.bytes,
            sequence: index.sequence)
        if let published { try mend(published, source, index, &release) }
        return release
    }

    /// Makes a published release's pools whole again.
    private func mend(
        _ manifest: ReleaseManifest, _ source: Store, _ index: ChannelIndex, _ release: inout PublishedRelease
    ) throws {
        let publishing = PatchPublishing(origin: origin, source: source, progress: progress)
        let bases = index.releases.reversed().map(\.commit).filter { manifest.since[$0]?.patchBytes != nil }
        for kind in PoolKind.allCases {
            let pool = PatchPlaces(kind, of: manifest).pool
            switch try publishing.mend(kind, of: manifest, bases: bases) {
            case .intact: break
            case .mended: release.mended.append(pool)
            case .lost: release.lost.append(pool)
            }
        }
        FaultPoint.reached("publish.after-mending")
    }

    /// A version stands for one commit and one epoch for ever, and a channel goes forward only.
    private func requireNew(
        _ identity: ReleaseIdentity, _ commit: Checksum, _ terms: Terms, _ published: ReleaseManifest?,
        _ index: ChannelIndex
    ) throws(ReleaseError) {
        let version = identity.version.text
        if let published {
            guard published.commit == commit else {
                throw .versionTaken(version: version, channel: identity.channel.text)
            }
            guard published.epoch == terms.epoch else { throw .epochTaken(version: version, epoch: published.epoch) }
            if terms.fullPack, published.fullPack == nil { throw .noFullPack(version: version) }
        } else if let latest = index.latest, identity.timestamp < latest.timestamp {
            throw .olderThanLatest(version: version, latest: latest.version.text)
        }
    }

    /// A host whose `/` is root's alone comes up without any of its services, and passes for one that is up.
    private func requireReachable(_ checksum: Checksum, in source: Store, image: String) throws {
        let commit = try source.commit(checksum)
        for path in ReachableFolders.paths {
            var (tree, metadata) = (commit.rootTree, commit.rootMetadata)
            var isThere = true
            for name in path.split(separator: "/") {
                guard let next = try source.tree(tree).folders.first(where: { $0.name == name }) else {
                    isThere = false
                    break
                }
                (tree, metadata) = (next.tree, next.metadata)
            }
            guard isThere else { continue }
            let attributes = try DirectoryMetadata(decoding: source.metadata(ObjectName(metadata, .dirmeta))).attributes
            if let problem = ReachableFolders.problem(of: path, attributes) {
                throw ReleaseError.notAnImage(
                    image: image, detail: "services could not use \(problem), which root must own with mode 0755")
            }
        }
    }

    /// What stands in a commit of ours is a mistake of ours, not the hostility of an origin.
    private func identity(_ commit: Commit, of image: String) throws(ReleaseError) -> ReleaseIdentity {
        do throws(ReleaseError) { return try ReleaseIdentity(commit) } catch {
            guard case .mismatch(let detail) = error else { throw error }
            throw .notAnImage(image: image, detail: detail)
        }
    }

    private func copyObjects(
        _ commit: Checksum, from source: Store, lease: String
    ) throws -> (objects: Int, bytes: Int64) {
        let transaction = try StoreTransaction(origin.store, staging: .resumable(origin.staging))
        let workers = Workers.processorCount
        let copied = try transaction.copy(commit, from: source, workers: workers, progress: progress)
        FaultPoint.reached("publish.after-objects")
        try transaction.commit(refs: [lease: commit])
        return copied
    }

    /// Adds this publisher's signatures to those that stand there.
    private func sign(_ commit: Checksum) async throws {
        let bytes = try origin.store.commitBytes(commit)
        let detached = try origin.store.detachedMetadata(of: commit) ?? []
        var signatures = try DetachedMetadata.signatures(in: detached)
        let present = signatures.count
        for signer in signers where !signatures.contains(where: { signer.publicKey.verifies($0, of: bytes) }) {
            signatures.append(try await signer.sign(bytes))
        }
        if signatures.count > present {
            let new = try DetachedMetadata.replacing(signatures: signatures, in: detached)
            try origin.store.setDetachedMetadata(new, of: commit)
        }
        FaultPoint.reached("publish.after-signatures")
    }

    private func manifest(
        _ identity: ReleaseIdentity, _ commit: Checksum, _ source: Store, _ index: ChannelIndex, _ terms: Terms
    ) throws -> ReleaseManifest {
        let earlier = index.releases.reversed().map(\.commit).filter { $0 != commit }
        let bases = earlier.prefix(terms.patchBases)
        let publishing = PatchPublishing(origin: origin, source: source, progress: progress)
        let patches = try bases.isEmpty ? nil : publishing.publish(identity, commit, from: Array(bases))
        let fullPack = try terms.fullPack ? publishing.publishFullPack(identity, commit) : nil
        if patches == nil { try origin.removePool(.patches, of: identity) }
        if fullPack == nil { try origin.removePool(.fullPack, of: identity) }
        progress(ProgressReport("measuring the steps from earlier releases"))
        let size = { (base: Checksum?) throws -> FetchSize in
            let size = try origin.store.additions(of: commit, over: base, source: source)
            return FetchSize(objects: size.objects, bytes: size.bytes, compressedBytes: size.compressedBytes)
        }
        var since: [Checksum: FetchSize] = [:]
        // Each release that patches start from is told: hosts there would look for another way, and an index that is lost
        // could not be made again.
        for base in earlier.prefix(max(Self.previousReleases, terms.patchBases)) {
            var step = try size(base)
            step.patchBytes = patches?.bytes(from: base)
            since[base] = step
        }
        return ReleaseManifest(
            version: identity.version, channel: identity.channel, architecture: identity.architecture, commit: commit,
            timestamp: identity.timestamp, epoch: terms.epoch, minimumHostctl: terms.minimumHostctl,
            full: try size(nil), since: since, patches: patches?.files, fullPack: fullPack?.files,
            kernel: try kernel(of: commit, in: source))
    }

    /// An image that cannot be booted can be published; hosts refuse to deploy it.
    private func kernel(of commit: Checksum, in source: Store) throws -> BootableKernel? {
        do {
            return BootableKernel(try ImageKernel(source.tree(source.commit(commit).rootTree), in: source))
        } catch is ImageKernel.Unusable { return nil }
    }

    /// Writes the manifest, and then the index that names it.
    private func announce(_ manifest: ReleaseManifest, in index: inout ChannelIndex) async throws {
        let signed = try await Envelope.seal(
            manifest.encode(), type: ReleaseManifest.payloadType, signers: signers)
        let path = OriginLayout.manifest(
            channel: manifest.channel, architecture: manifest.architecture, version: manifest.version)
        try origin.write(path, signed)
        FaultPoint.reached("publish.after-manifest")
        index.releases.append(.init(manifest, signed: signed))
        try await write(&index)
    }

    /// Signs and replaces a channel's index, under the next number.
    func write(_ index: inout ChannelIndex) async throws {
        index.sequence += 1
        let signed = try await Envelope.seal(index.encode(), type: ChannelIndex.payloadType, signers: signers)
        FaultPoint.reached("publish.before-index")
        try origin.write(OriginLayout.index(channel: index.channel, architecture: index.architecture), signed)
        FaultPoint.reached("publish.after-index")
    }

    /// Stock ostree clients follow the ref and the summary.
    func updateForOtherClients(_ identity: ReleaseIdentity, _ index: ChannelIndex) throws {
        if let latest = index.latest { try origin.store.setRef(identity.ref, to: latest.commit) }
        FaultPoint.reached("publish.after-ref")
        try Repository(opening: origin.store.path).regenerateSummary()
        FaultPoint.reached("publish.after-summary")
    }
}
