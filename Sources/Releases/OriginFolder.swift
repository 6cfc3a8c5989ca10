public import LinuxSystem
public import ObjectStorage
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

    /// A channel's index as it lies here, its signature not checked: it is the publisher's own.
    ///
    /// - Returns: an empty index when the channel has no release yet.
    /// - Throws: `TrustMetadataError`, `ReleaseError.mismatch` when it is another channel's, `SystemError`.
    public func index(channel: ChannelName, architecture: Architecture) throws -> ChannelIndex {
        let file = path.appending(OriginLayout.index(channel: channel, architecture: architecture))
        guard let bytes = try Files.readIfPresent(file, limit: ChannelIndex.sizeLimit) else {
            return ChannelIndex(channel: channel, architecture: architecture)
        }
        let index = try ChannelIndex(decoding: Envelope(unverified: bytes, what: "the channel index").unverifiedPayload)
        // One that was copied from elsewhere must not be signed and written over the other channel's.
        try index.require(channel: channel, architecture: architecture)
        return index
    }

    /// All channels here, in the order of their names.
    ///
    /// - Throws: `TrustMetadataError`, `SystemError`.
    public func indexes() throws -> [ChannelIndex] {
        var found: [ChannelIndex] = []
        try collect(OriginLayout.releases, into: &found)
        return found
    }

    private func collect(_ folder: String, into found: inout [ChannelIndex]) throws {
        for name in try Files.names(in: path.appending(folder)) {
            let below = "\(folder)/\(name)"
            if let (channel, architecture) = OriginLayout.channel(ofIndex: below) {
                found.append(try index(channel: channel, architecture: architecture))
            } else if Files.isFolder(path.appending(below)) {
                try collect(below, into: &found)
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
