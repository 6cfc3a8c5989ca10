public import Checksums

/// A root with its metadata: `(a{sv}aya(say)sstayay)`.
public struct Commit: Equatable, Sendable {
    public var metadata: [String: Variant]
    public var subject: String
    public var body: String
    /// Seconds since 1970.
    public var timestamp: UInt64
    public var rootTree: Checksum
    public var rootMetadata: Checksum
    public var parent: Checksum?

    public init(
        metadata: [String: Variant], subject: String, body: String = "", timestamp: UInt64, rootTree: Checksum,
        rootMetadata: Checksum, parent: Checksum? = nil
    ) {
        self.metadata = metadata
        self.subject = subject
        self.body = body
        self.timestamp = timestamp
        self.rootTree = rootTree
        self.rootMetadata = rootMetadata
        self.parent = parent
    }

    public func encode() -> [UInt8] {
        var writer = GVariantWriter()
        writer.add(VariantDictionary.encode(metadata), alignment: 8)
        writer.add(parent?.bytes ?? [])
        writer.add([UInt8]())  // related objects, which nothing uses
        writer.add(string: subject)
        writer.add(string: body)
        writer.addBigEndian(timestamp)
        writer.add(rootTree.bytes)
        writer.add(rootMetadata.bytes)
        return writer.tuple(lastIsVariable: true)
    }

    /// - Throws: `FormatError`.
    public init(decoding bytes: [UInt8]) throws(FormatError) {
        let reader = GVariantReader(what: "commit")
        let text = GVariantReader.Member.variable(alignment: 1)
        let parts = try reader.tuple(
            bytes[...], [.variable(alignment: 8), text, text, text, text, .fixed(size: 8), text, text])
        guard let tree = Checksum(bytes: parts[6]), let meta = Checksum(bytes: parts[7]) else {
            throw FormatError("commit", "the root's checksums are not 32 bytes")
        }
        parent = Checksum(bytes: parts[1])
        guard parent != nil || parts[1].isEmpty else { throw FormatError("commit", "the parent is no checksum") }
        metadata = try VariantDictionary.decode(parts[0], reader)
        subject = try reader.string(parts[3])
        body = try reader.string(parts[4])
        timestamp = reader.bigEndian64(parts[5])
        rootTree = tree
        rootMetadata = meta
    }
}

/// The metadata keys of host images; `ostree.` ones are ostree's, `version` is shared by both.
extension Commit {
    public enum Key {
        public static let version = "version"
        public static let refBinding = "ostree.ref-binding"
        public static let linux = "ostree.linux"
        public static let bootable = "ostree.bootable"
        public static let channel = "hostctl.channel"
        public static let architecture = "hostctl.architecture"
        public static let packages = "hostctl.packages"
        public static let kernelArguments = "hostctl.kernel-arguments"
        public static let installedSize = "hostctl.installed-size"
    }

    public var version: String? { string(Key.version) }
    public var channel: String? { string(Key.channel) }
    public var architecture: String? { string(Key.architecture) }
    /// The refs that this commit may stand under; others must not name it.
    public var refBindings: [String] { strings(Key.refBinding) }

    /// The string under `key`, if there is one.
    public func string(_ key: String) -> String? {
        if case .string(let text) = metadata[key] { text } else { nil }
    }

    /// The strings under `key`; none when there is no such list.
    public func strings(_ key: String) -> [String] {
        if case .strings(let texts) = metadata[key] { texts } else { [] }
    }
}

/// What is stored beside a commit and is not part of its checksum: `a{sv}`.
public enum DetachedMetadata {
    /// ostree's key for ed25519 signatures of the commit's bytes, type `aay`.
    static let signatureKey = "ostree.sign.ed25519"

    /// The ed25519 signatures in a `.commitmeta` file; none when it has no such key.
    ///
    /// - Throws: `FormatError`.
    public static func signatures(in bytes: [UInt8]) throws(FormatError) -> [[UInt8]] {
        let values = try VariantDictionary.decode(bytes[...], GVariantReader(what: "commitmeta"))
        switch values[signatureKey] {
        case .byteStrings(let signatures): return signatures
        case nil: return []
        default: throw FormatError("commitmeta", "\(signatureKey) is not a list of signatures")
        }
    }

    /// A `.commitmeta` file with these signatures and nothing else.
    public static func encode(signatures: [[UInt8]]) -> [UInt8] {
        VariantDictionary.encode([signatureKey: .byteStrings(signatures)])
    }

    /// A `.commitmeta` file with these signatures in place of its own, and whatever else it holds.
    ///
    /// - Throws: `FormatError`.
    public static func replacing(signatures: [[UInt8]], in bytes: [UInt8]) throws(FormatError) -> [UInt8] {
        var values = try VariantDictionary.decode(bytes[...], GVariantReader(what: "commitmeta"))
        values[signatureKey] = .byteStrings(signatures)
        return VariantDictionary.encode(values)
    }
}
