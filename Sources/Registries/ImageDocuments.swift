public import Checksums
import TrustMetadata

/// An image's parts. Source: OCI image-spec, `manifest.md`.
public struct ImageManifest: Sendable, Equatable {
    public let configuration: ContentDescriptor
    /// The lowest first.
    public let layers: [ContentDescriptor]

    /// The most layers that overlayfs and Docker allow, and a few more.
    static let layerLimit = 512

    init(_ fields: JSONFields) throws {
        try fields.requireSchema()
        configuration = try ContentDescriptor(fields.fields("config"))
        guard MediaTypes.configuration.contains(configuration.mediaType) else {
            throw RegistryError.unsupported(
                what: fields.what, detail: "it is no image, its configuration is '\(configuration.mediaType)'")
        }
        layers = try fields.objects("layers").map { try ContentDescriptor($0) }
        guard layers.count <= Self.layerLimit else {
            throw RegistryError.unsupported(what: fields.what, detail: "it has \(layers.count) layers")
        }
        if let other = layers.first(where: { !MediaTypes.isLayer($0.mediaType) }) {
            throw RegistryError.unsupported(
                what: fields.what, detail: "a layer has the media type '\(other.mediaType)'")
        }
    }
}

/// Images for several platforms, or other indexes. Source: OCI image-spec, `image-index.md`.
struct ImageIndex {
    let entries: [ContentDescriptor]

    init(_ fields: JSONFields) throws {
        try fields.requireSchema()
        // What is unknown is not an error: indexes carry signatures and other artifacts, too.
        entries = try fields.objects("manifests").map { try ContentDescriptor($0) }
    }
}

/// What an image's configuration says that matters for a host. Source: OCI image-spec, `config.md`.
public struct ImageConfiguration: Sendable, Equatable {
    public let platform: Platform
    /// As it is written: RFC 3339.
    public let created: String?
    /// The SHA-256 of each layer's tar, decompressed, the lowest first.
    public let diffIDs: [Checksum]

    init(_ fields: JSONFields) throws {
        platform = try Platform(fields)
        created = try fields.isSet("created") ? fields.string("created") : nil
        let root = try fields.fields("rootfs")
        guard try root.string("type") == "layers" else { throw fields.malformed("'rootfs.type' is not 'layers'") }
        diffIDs = try root.strings("diff_ids").map { try ContentDescriptor.checksum($0, fields.what) }
    }
}

extension JSONFields {
    /// OCI's documents and Docker's second schema have the number 2.
    fileprivate func requireSchema() throws(TrustMetadataError) {
        guard try integer("schemaVersion") == 2 else { throw malformed("'schemaVersion' is not 2") }
    }
}
