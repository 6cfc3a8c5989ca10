import Archives
import Checksums
import LinuxSystem
import SystemPackage
import TestSupport

@testable import Registries

/// An OCI layout in a folder, document by document, so that it can be wrong.
final class TestLayout {
    let folder: TemporaryFolder
    var path: FilePath { folder.path }

    init() throws {
        folder = try TemporaryFolder()
        try folder.write("oci-layout", text: #"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// Adds a blob under its own digest.
    @discardableResult
    func blob(_ bytes: [UInt8]) throws -> Checksum {
        let digest = SHA256.hash(bytes)
        try folder.write("blobs/sha256/\(digest.hex)", bytes)
        return digest
    }

    /// A descriptor as JSON.
    static func descriptor(_ type: String, _ digest: Checksum, _ size: Int, more: String = "") -> String {
        #"{"mediaType":"application/vnd.oci.image.\#(type)","digest":"sha256:\#(digest.hex)","size":\#(size)\#(more)}"#
    }

    /// Adds an image of layers, each a tar that is stored as it is.
    ///
    /// - Returns: the manifest's descriptor.
    func image(_ layers: [[UInt8]], architecture: String = "amd64", more: String = "") throws -> String {
        let identifiers = layers.map { "\"sha256:\(SHA256.hash($0).hex)\"" }.joined(separator: ",")
        let configuration = Array(
            #"{"architecture":"\#(architecture)","os":"linux","created":"2024-05-06T07:08:09.123Z","config":null,"rootfs":{"type":"layers","diff_ids":[\#(identifiers)]}}"#
                .utf8)
        let descriptors = try layers.map { Self.descriptor("layer.v1.tar", try blob($0), $0.count) }
        let config = Self.descriptor("config.v1+json", try blob(configuration), configuration.count)
        return try manifest(config: config, layers: descriptors, more: more)
    }

    /// Adds a manifest.
    func manifest(config: String, layers: [String], more: String = "") throws -> String {
        let text = #"{"schemaVersion":2,"config":\#(config),"layers":[\#(layers.joined(separator: ","))]}"#
        return Self.descriptor("manifest.v1+json", try blob(Array(text.utf8)), text.utf8.count, more: more)
    }

    /// Writes the layout's index.
    func index(_ manifests: [String]) throws {
        try folder.write("index.json", text: Self.index(manifests))
    }

    static func index(_ manifests: [String]) -> String {
        #"{"schemaVersion":2,"manifests":[\#(manifests.joined(separator: ","))]}"#
    }

    static func named(_ name: String) -> String { #","annotations":{"org.opencontainers.image.ref.name":"\#(name)"}"# }
    static func platform(_ architecture: String) -> String {
        #","platform":{"os":"linux","architecture":"\#(architecture)"}"#
    }

    /// The layer's files, by name.
    static func layer(_ names: [String]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let writer = TarWriter { bytes.append(contentsOf: $0) }
        for name in names {
            try writer.add(TarEntry(path: Array(name.utf8), kind: .file(size: 0), permissions: 0o644))
        }
        try writer.finish()
        return bytes
    }
}

/// The names in all layers of an image, in order.
func names(in image: OCIImage) throws -> [String] {
    var names: [String] = []
    for index in image.manifest.layers.indices {
        try image.readLayer(index) { source in
            let reader = TarReader(source)
            while let entry = try reader.next() { names.append(String(decoding: entry.path, as: UTF8.self)) }
        }
    }
    return names
}
