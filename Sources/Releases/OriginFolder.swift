import Checksums
public import LinuxSystem
public import ObjectStorage
public import Signatures
public import SystemPackage
import TrustMetadata

/// An origin on a disk: the folder that a web server serves.
public struct OriginFolder: Sendable {
    public let path: FilePath
    /// The archive repository.
    public let store: Store

    /// Opens an origin.
    ///
    /// - Throws: `ReleaseError.notAnOrigin`.
    public init(opening path: FilePath) throws {
        guard Files.isFolder(path.appending(OriginLayout.releases)) else {
            throw ReleaseError.notAnOrigin(path: path.string)
        }
        do { store = try Store(opening: path.appending(OriginLayout.store)) } catch {
            throw ReleaseError.notAnOrigin(path: path.string)
        }
        guard store.mode == .archive else { throw ReleaseError.notAnOrigin(path: path.string) }
        self.path = path
    }

    /// Makes an empty origin. One that is there already is opened and keeps what it has.
    ///
    /// - Throws: `StoreError`, `SystemError`.
    public static func create(at path: FilePath) throws -> OriginFolder {
        _ = try Store.create(at: path.appending(OriginLayout.store), mode: .archive)
        try Files.makeFolder(path.appending(OriginLayout.releases))
        return try OriginFolder(opening: path)
    }

    /// Keeps other publishers out.
    ///
    /// - Parameters:
    ///   - command: who we are, for those who wait.
    ///   - waiting: called once, with the present holder, before a wait.
    /// - Throws: `LockedError` after `seconds`, `SystemError`.
    public func lock(
        _ command: String, seconds: Double, waiting: (String?) -> Void = { _ in }
    ) throws -> FileLock {
        try FileLock(
            path.appending(".lock"), .exclusive, seconds: seconds, holder: "\(command) (pid \(ProcessStart.id))",
            waiting: waiting)
    }

    /// Where new objects wait; survives an interrupted publication.
    var staging: FilePath { path.appending(".staging") }

    /// A channel's index as it lies here.
    ///
    /// - Parameter keys: who may have signed it; `nil` to only show what is there. Whoever signs it anew has to
    ///   give keys: what somebody put into a web server's folder must not become a signed document.
    /// - Returns: an empty index when the channel has no release yet.
    /// - Throws: `ReleaseError.foreignIndex`; `ReleaseError.mismatch` when it is another channel's;
    ///   `TrustMetadataError.malformed`, `SystemError`.
    public func index(
        channel: ChannelName, architecture: Architecture, keys: TrustedKeys? = nil
    ) throws -> ChannelIndex {
        let file = path.appending(OriginLayout.index(channel: channel, architecture: architecture))
        guard let bytes = try Files.readIfPresent(file, limit: ChannelIndex.sizeLimit) else {
            return ChannelIndex(channel: channel, architecture: architecture)
        }
        let payload = try payload(of: bytes, type: ChannelIndex.payloadType, channel: channel, keys: keys)
        let index = try ChannelIndex(decoding: payload)
        // One that was copied from elsewhere must not be signed and written over the other channel's.
        try index.require(channel: channel, architecture: architecture)
        return index
    }

    /// The manifest of a release in the index.
    ///
    /// - Throws: as `index`, and `ReleaseError.mismatch` when it is not the one that the index names.
    func manifest(_ entry: ChannelIndex.Entry, of index: ChannelIndex, keys: TrustedKeys) throws -> ReleaseManifest {
        let file = OriginLayout.manifest(
            channel: index.channel, architecture: index.architecture, version: entry.version)
        let bytes = try Files.read(path.appending(file), limit: ReleaseManifest.sizeLimit)
        guard SHA256.hash(bytes) == entry.manifestChecksum else {
            throw ReleaseError.mismatch(detail: "the manifest of \(entry.version) is not the one in the index")
        }
        let payload = try payload(of: bytes, type: ReleaseManifest.payloadType, channel: index.channel, keys: keys)
        return try ReleaseManifest(decoding: payload)
    }

    private func payload(
        of bytes: [UInt8], type: String, channel: ChannelName, keys: TrustedKeys?
    ) throws -> [UInt8] {
        let what = "the signed document"
        guard let keys else { return try Envelope(unverified: bytes, what: what).unverifiedPayload }
        do throws(TrustMetadataError) {
            return try Envelope.open(bytes, type: type, keys: keys, what: what).payload
        } catch {
            guard case .untrusted(_, let detail) = error else { throw error }
            throw ReleaseError.foreignIndex(channel: channel.text, detail: detail)
        }
    }

    /// All channels here, in the order of their names.
    ///
    /// - Throws: as `index`.
    public func indexes(keys: TrustedKeys? = nil) throws -> [ChannelIndex] {
        var found: [ChannelIndex] = []
        try collect(OriginLayout.releases, keys, into: &found)
        return found
    }

    private func collect(_ folder: String, _ keys: TrustedKeys?, into found: inout [ChannelIndex]) throws {
        for name in try Files.names(in: path.appending(folder)) {
            let below = "\(folder)/\(name)"
            if let (channel, architecture) = OriginLayout.channel(ofIndex: below) {
                found.append(try index(channel: channel, architecture: architecture, keys: keys))
            } else if Files.isFolder(path.appending(below)) {
                try collect(below, keys, into: &found)
            }
        }
    }

    /// Writes a signed document in one step, with the folders above it.
    func write(_ relative: String, _ bytes: [UInt8]) throws {
        let file = path.appending(relative)
        try Files.makeFolder(file.removingLastComponent())
        try Files.replace(file, with: bytes)
    }
}
