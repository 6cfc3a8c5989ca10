public import Checksums
import LinuxSystem
public import ObjectFormats
public import ObjectPatches
import ObjectStorage
public import Signatures
public import Transfers
public import TrustMetadata

/// A commit that is what a trusted manifest says, signed by a trusted key.
public struct VerifiedCommit: Sendable {
    public let checksum: Checksum
    public let commit: Commit
    /// The commit object.
    public let bytes: [UInt8]
    /// The signatures beside it, in a form of our own making.
    public let detachedMetadata: [UInt8]
}

/// Reads an origin from afar. Only what is signed, small and bounded is fetched here: the channel index, a
/// manifest, a commit and its signatures. Objects come later, when all of that has been accepted.
public struct ReleaseClient {
    /// The origin's address.
    public let layout: OriginLayout
    private let keys: TrustedKeys
    private let connection: Connection

    public init(origin: String, keys: TrustedKeys, options: TransferOptions) {
        layout = OriginLayout(root: origin)
        self.keys = keys
        connection = Connection(options)
    }

    /// The channel's index.
    ///
    /// - Throws: `ReleaseError.unknownRelease` when there is none, `TrustMetadataError`, `TransferError`.
    public func index(channel: ChannelName, architecture: Architecture) throws -> ChannelIndex {
        let path = OriginLayout.index(channel: channel, architecture: architecture)
        do {
            return try connection.newest(
                of: layout.place(of: path), limit: ChannelIndex.sizeLimit,
                accepting: { bytes in
                    let opened = try Envelope.open(
                        bytes, type: ChannelIndex.payloadType, keys: keys, what: "the channel index")
                    let index = try ChannelIndex(decoding: opened.payload)
                    try index.require(channel: channel, architecture: architecture)
                    return index
                }, isOlder: { $0.sequence < $1.sequence })
        } catch let error as TransferError where error.isMissing {
            throw ReleaseError.unknownRelease(channel: channel.text, version: nil)
        }
    }

    /// The newest release of a channel, or the one of a version, with its signed manifest and the index that
    /// names it.
    ///
    /// - Throws: `ReleaseError`, `TrustMetadataError`, `TransferError`.
    public func release(
        channel: ChannelName, architecture: Architecture, version: VersionName?
    ) throws -> (manifest: ReleaseManifest, signed: [UInt8], index: ChannelIndex) {
        let index = try index(channel: channel, architecture: architecture)
        guard let entry = try version.map({ (name) throws(ReleaseError) in try index.entry(name) }) ?? index.latest
        else { throw ReleaseError.unknownRelease(channel: channel.text, version: nil) }
        let found = try manifest(entry, of: index)
        return (found.manifest, found.signed, index)
    }

    /// The manifest of a release in the index, and its signed form.
    ///
    /// - Throws: `ReleaseError.mismatch`, `TrustMetadataError`, `TransferError`.
    public func manifest(
        _ entry: ChannelIndex.Entry, of index: ChannelIndex
    ) throws -> (manifest: ReleaseManifest, signed: [UInt8]) {
        let path = OriginLayout.manifest(
            channel: index.channel, architecture: index.architecture, version: entry.version)
        let bytes = try connection.bytes(of: layout.place(of: path), limit: Int(entry.manifestSize)) { bytes in
            guard SHA256.hash(bytes) == entry.manifestChecksum else {
                throw ReleaseError.mismatch(
                    detail: "the manifest of \(entry.version) has another checksum than the index says")
            }
            return bytes
        }
        let manifest = try ReleaseManifest(signed: bytes, keys: keys)
        try manifest.requireMatch(entry, of: index)
        return (manifest, bytes)
    }

    /// The commit of a manifest, verified.
    ///
    /// - Throws: `ReleaseError.mismatch`, `TrustMetadataError.untrusted`, `StoreError.corrupted`, `TransferError`.
    public func commit(of manifest: ReleaseManifest) throws -> VerifiedCommit {
        try fetchCommit(manifest.commit) {
            try VerifiedCommit(manifest, bytes: $0, detachedMetadata: $1, keys: keys)
        }
    }

    /// A commit by its checksum, verified; what it says of itself is not compared with any manifest.
    ///
    /// - Throws: `TrustMetadataError.untrusted`, `StoreError.corrupted`, `FormatError`, `TransferError`.
    public func commit(_ checksum: Checksum) throws -> VerifiedCommit {
        try fetchCommit(checksum) { try VerifiedCommit(checksum, bytes: $0, detachedMetadata: $1, keys: keys) }
    }

    private func fetchCommit(
        _ checksum: Checksum, accepting: ([UInt8], [UInt8]) throws -> VerifiedCommit
    ) throws -> VerifiedCommit {
        let name = ObjectName(checksum, .commit)
        let objects = "\(OriginLayout.store)/objects/\(name.archivePath)"
        let bytes = try connection.bytes(of: layout.place(of: objects), limit: Store.metadataLimit) { bytes in
            let actual = SHA256.hash(bytes)
            guard actual == checksum else { throw StoreError.corrupted(name, actual: actual) }
            return bytes
        }
        do {
            return try connection.bytes(of: layout.place(of: objects + "meta"), limit: 1 << 20) { detached in
                try accepting(bytes, detached)
            }
        } catch let error as TransferError where error.isMissing {
            throw TrustMetadataError.untrusted(what: "the commit \(checksum)", detail: "it has no signature")
        }
    }
}

extension ReleaseClient {
    /// The index of a release's patch pool or full pack.
    ///
    /// - Parameter files: what the verified manifest says of it.
    /// - Throws: `ReleaseError.mismatch` when it is not the one that the manifest names, also the second time;
    ///   `PatchError`, `TransferError`.
    public func patchIndex(
        _ kind: PoolKind = .patches, of manifest: ReleaseManifest, _ files: PatchFiles
    ) throws -> PatchIndex {
        let url = layout.place(of: PatchPlaces(kind, of: manifest).index)
        let limit = Int(clamping: min(files.indexSize, Int64(PatchLimits.indexBytes)))
        let fetch = {
            try connection.bytes(of: url, limit: limit) { frame in
                guard SHA256.hash(frame) == files.indexChecksum else {
                    throw ReleaseError.mismatch(
                        detail: "the \(kind.indexName) of \(manifest.version) is not the one in the manifest")
                }
                return frame
            }
        }
        let frame: [UInt8]
        // A damaged answer is asked for once more: a broken proxy is likelier than a broken origin.
        do { frame = try fetch() } catch is ReleaseError { frame = try fetch() }
        let index = try PatchIndex(frame: frame, decodedSize: Int(clamping: files.indexDecodedSize))
        guard index.commit == manifest.commit, index.poolSize == files.poolSize else {
            throw ReleaseError.mismatch(detail: "the \(kind.indexName) of \(manifest.version) is of another release")
        }
        return index
    }

    /// The address of a release's patch pool or full pack.
    public func patchPool(_ kind: PoolKind = .patches, of manifest: ReleaseManifest) -> String {
        layout.place(of: PatchPlaces(kind, of: manifest).pool)
    }
}

extension ReleaseManifest {
    /// Opens a signed manifest.
    ///
    /// - Throws: `TrustMetadataError`.
    public init(signed bytes: [UInt8], keys: TrustedKeys) throws(TrustMetadataError) {
        let opened = try Envelope.open(bytes, type: Self.payloadType, keys: keys, what: "the release manifest")
        try self.init(decoding: opened.payload)
    }

    /// Requires that a commit says of itself what the manifest says of it.
    ///
    /// - Throws: `ReleaseError.mismatch`.
    public func requireIdentity(of commit: Commit) throws(ReleaseError) {
        let identity: ReleaseIdentity
        do { identity = try ReleaseIdentity(commit) } catch {
            if case .mismatch = error { throw error }
            throw .mismatch(detail: "in the commit, \(error.reason)")
        }
        guard identity.ref == ref, identity.version == version, identity.timestamp == timestamp else {
            throw .mismatch(
                detail: "the commit is \(identity.ref) \(identity.version), the manifest says \(ref) \(version)")
        }
    }
}

extension VerifiedCommit {
    /// Accepts a commit: first its checksum, then its signatures, and only then what it says.
    ///
    /// - Throws: `StoreError.corrupted`, `TrustMetadataError.untrusted`, `FormatError`, `ReleaseError.mismatch`.
    public init(
        _ manifest: ReleaseManifest, bytes: [UInt8], detachedMetadata: [UInt8], keys: TrustedKeys
    ) throws {
        try self.init(manifest.commit, bytes: bytes, detachedMetadata: detachedMetadata, keys: keys)
        try manifest.requireIdentity(of: commit)
    }

    /// Accepts a commit that is known by its checksum: first that, and then its signatures.
    ///
    /// - Throws: `StoreError.corrupted`, `TrustMetadataError.untrusted`, `FormatError`.
    init(_ checksum: Checksum, bytes: [UInt8], detachedMetadata: [UInt8], keys: TrustedKeys) throws {
        let actual = SHA256.hash(bytes)
        guard actual == checksum else { throw StoreError.corrupted(ObjectName(checksum, .commit), actual: actual) }
        let signatures = try DetachedMetadata.signatures(in: detachedMetadata)
        try Self.requireTrust(keys.verdict(on: bytes, signatures: signatures), checksum)
        commit = try Commit(decoding: bytes)
        self.checksum = checksum
        self.bytes = bytes
        // Nobody vouches for what else a mirror may have put beside the signatures, so it is left behind.
        self.detachedMetadata = DetachedMetadata.encode(
            signatures: signatures.filter { $0.count == 64 }.prefix(TrustedKeys.signatureLimit).map { $0 })
    }

    private static func requireTrust(_ verdict: Verdict, _ checksum: Checksum) throws(TrustMetadataError) {
        if verdict.isTrusted { return }
        let detail =
            switch verdict {
            case .revoked(let ids): "it is signed by the revoked key \(ids.joined(separator: ", "))"
            case .unknownKey: "no trusted key has signed it"
            case .invalid: "its signatures are not ed25519 signatures"
            case .unsigned, .trusted: "it has no signature"
            }
        throw .untrusted(what: "the commit \(checksum)", detail: detail)
    }
}
