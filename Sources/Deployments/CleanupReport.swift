public import LinuxSystem
public import ObjectStorage
import Sysroots
public import SystemPackage

/// One thing that a cleanup removes, and why nobody needs it.
public struct CleanupItem: Sendable, Equatable {
    /// What it is; the raw values are part of the JSON format.
    public enum Kind: String, Sendable {
        case deployment, lease, download, leftover, kernel
        case bootLink = "boot-link"
        case bootEntry = "boot-entry"
        /// A /var before a factory reset.
        case formerState = "former-var"
    }

    public let kind: Kind
    /// A deployment as `<stateroot>/<checksum>.<serial>`, a ref, or a path.
    public let name: String
    /// Why it goes, in a few words.
    public let reason: String
    /// What lies on the disk of it.
    let places: [FilePath]
    /// The local refs that go with it.
    let refs: [String]
    /// What comes free with it, in bytes. What it shares with objects of the store is counted with these.
    public internal(set) var bytes: Int64 = 0

    public init(_ kind: Kind, _ name: String, _ reason: String, places: [FilePath] = [], refs: [String] = []) {
        self.kind = kind
        self.name = name
        self.reason = reason
        self.places = places
        self.refs = refs
    }
}

/// What a cleanup has removed, or would.
public struct CleanupReport: Sendable {
    public let isDryRun: Bool
    public let items: [CleanupItem]
    /// `nil` when no object was touched.
    public internal(set) var objects: CollectedObjects?
    /// What keeps a cleanup from removing objects, although it did the rest.
    public internal(set) var refusal: (any ExplainedError)?
    /// What was left although it could go, and how.
    public var kept: [String] = []
    /// Everything that came free, in bytes.
    public internal(set) var bytes: Int64
}
