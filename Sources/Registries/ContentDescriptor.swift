public import Checksums
public import TrustMetadata

/// A reference to a blob: what it is, how large, and its SHA-256.
///
/// Source: OCI image-spec, `descriptor.md`.
public struct ContentDescriptor: Sendable, Equatable {
    public let mediaType: String
    public let digest: Checksum
    /// Bytes.
    public let size: Int64
    /// For an image in an index.
    public let platform: Platform?
    /// The name of an image in a layout's index.
    public let referenceName: String?

    /// Reads a descriptor.
    ///
    /// - Throws: `TrustMetadataError.malformed`, `RegistryError.unsupported` for a digest other than SHA-256.
    public init(_ fields: JSONFields) throws {
        mediaType = try fields.string("mediaType")
        digest = try Self.checksum(fields.string("digest"), fields.what)
        size = try fields.integer("size")
        platform = try fields.isSet("platform") ? Platform(fields.fields("platform")) : nil
        let annotations = try fields.isSet("annotations") ? fields.fields("annotations") : nil
        let key = "org.opencontainers.image.ref.name"
        referenceName = try annotations.flatMap { try $0.isSet(key) ? $0.string(key) : nil }
    }

    public init(mediaType: String, digest: Checksum, size: Int64) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        platform = nil
        referenceName = nil
    }

    /// The checksum in `sha256:…`. Nothing else of a digest ever becomes part of a path.
    static func checksum(_ digest: String, _ what: String) throws(RegistryError) -> Checksum {
        guard digest.hasPrefix("sha256:"), let checksum = Checksum(hex: digest.dropFirst(7)) else {
            throw .unsupported(what: what, detail: "'\(digest.prefix(100))' is not a SHA-256 digest")
        }
        return checksum
    }

    /// As it is written.
    public var digestText: String { "sha256:\(digest.hex)" }
}

/// What an image is made for, in the words of Go.
public struct Platform: Sendable, Equatable, CustomStringConvertible {
    public let system: String
    public let architecture: String

    public init(system: String, architecture: String) {
        self.system = system
        self.architecture = architecture
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        system = try fields.string("os")
        architecture = try fields.string("architecture")
    }

    /// Linux on what `uname -m` calls `machine`.
    public init(machine: String) {
        self.init(system: "linux", architecture: Self.names[machine] ?? machine)
    }

    /// As `uname -m` says it; `nil` for an architecture that hostctl does not run on.
    public var machine: String? { Self.names.first { $0.value == architecture }?.key }

    private static let names = ["x86_64": "amd64", "aarch64": "arm64"]

    public var description: String { "\(system)/\(architecture)" }
}
