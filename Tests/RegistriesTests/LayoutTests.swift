import Archives
import Checksums
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

@testable import Registries

private let platform = Platform(system: "linux", architecture: "amd64")

@Suite("OCI layouts") struct LayoutTests {
    let layout: TestLayout

    init() throws { layout = try TestLayout() }

    private func image(named name: String? = nil, for platform: Platform = platform) throws -> OCIImage {
        try OCILayout(folder: layout.path).image(named: name, for: platform)
    }

    @Test("an image with its layers in order, and what its configuration says")
    func plain() throws {
        try layout.index([try layout.image([TestLayout.layer(["a"]), TestLayout.layer(["b", "c"])])])
        let image = try image()
        #expect(try names(in: image) == ["a", "b", "c"])
        #expect(image.configuration.created == "2024-05-06T07:08:09.123Z")
        #expect(image.configuration.platform.machine == "x86_64")
    }

    @Test("layers are decompressed by what they are, whatever their media type says")
    func compressed() throws {
        let tar = try TestLayout.layer(["a"])
        let source = try layout.folder.write("layer", tar)
        let packed = try run(["/usr/bin/zstd", "-q", "-c", source.string]).output
        let digest = try layout.blob(packed)
        let identifier = SHA256.hash(tar).hex
        let configuration = Array(
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:\#(identifier)"]}}"#
                .utf8)
        try layout.index([
            try layout.manifest(
                config: TestLayout.descriptor("config.v1+json", layout.blob(configuration), configuration.count),
                layers: [TestLayout.descriptor("layer.v1.tar+gzip", digest, packed.count)])
        ])
        #expect(try names(in: image()) == ["a"])
    }

    @Test("the image of a tag; without one, the only image")
    func tags() throws {
        let one = try layout.image([TestLayout.layer(["one"])], more: TestLayout.named("one"))
        let two = try layout.image([TestLayout.layer(["two"])], more: TestLayout.named("two"))
        try layout.index([one, two])
        #expect(try names(in: image(named: "two")) == ["two"])
        let error = #expect(throws: RegistryError.self) { try image() }
        #expect(error?.advice == "there are one, two")
        #expect(throws: RegistryError.self) { try image(named: "three") }
        try layout.index([one])
        #expect(try names(in: image()) == ["one"])
        try layout.index([])
        #expect(throws: RegistryError.self) { try image() }
    }

    @Test("of an index in an index, the first image for the platform; what is unknown is passed over")
    func platforms() throws {
        let arm = try layout.image(
            [TestLayout.layer(["arm"])], architecture: "arm64", more: TestLayout.platform("arm64"))
        let amd = try layout.image([TestLayout.layer(["amd"])], more: TestLayout.platform("amd64"))
        let again = try layout.image([TestLayout.layer(["again"])], more: TestLayout.platform("amd64"))
        let other = TestLayout.descriptor("signature.v7", SHA256.hash([]), 0)
        let inner = Array(TestLayout.index([other, arm, amd, again]).utf8)
        try layout.index([TestLayout.descriptor("index.v1+json", layout.blob(inner), inner.count)])
        #expect(try names(in: image()) == ["amd"])
        #expect(try names(in: image(for: Platform(machine: "aarch64"))) == ["arm"])
        #expect(throws: RegistryError.self) { try image(for: Platform(system: "linux", architecture: "riscv64")) }
    }

    @Test("an image whose configuration is for another machine is refused")
    func otherMachine() throws {
        try layout.index([try layout.image([TestLayout.layer(["a"])], architecture: "arm64")])
        #expect(throws: RegistryError.self) { try image() }
    }

    @Test("an archive of a layout is read in any order, and its paths are not used as paths")
    func archive() throws {
        try layout.index([try layout.image([TestLayout.layer(["a"])])])
        for options in [["--sort=name"], ["index.json", "oci-layout", "blobs"]] {
            let whole = options.first?.hasPrefix("--") == true ? ["."] : []
            let result = try run(["/usr/bin/tar", "-C", layout.path.string, "-c"] + options + whole)
            try #require(result.status == 0)
            let other = try TemporaryFolder()
            let file = try other.write("layout.tar", result.output)
            let reader = TarReader(FileSource(try Descriptor(opening: file.string)))
            // tar's first entry may be the folder itself.
            var first = try #require(try reader.next())
            if first.path.elementsEqual("./".utf8) { first = try #require(try reader.next()) }
            #expect(OCILayout.isLayout(first: first))
            let image = try OCILayout(reader, first: first).image(named: nil, for: platform)
            #expect(try names(in: image) == ["a"])
            withExtendedLifetime(other) {}
        }
    }
}

@Suite("hostile OCI layouts") struct HostileLayoutTests {
    let layout: TestLayout

    init() throws { layout = try TestLayout() }

    private func read() throws -> [String] {
        try names(in: OCILayout(folder: layout.path).image(named: nil, for: platform))
    }

    private func blobPath(_ digest: Checksum) -> FilePath { layout.path.appending("blobs/sha256/\(digest.hex)") }

    @Test("a layer with other bytes of the same size is refused before one of them is parsed")
    func digestMismatch() throws {
        let layer = try TestLayout.layer(["a"])
        try layout.index([try layout.image([layer])])
        var changed = layer
        changed[600] ^= 1
        try Files.replace(blobPath(SHA256.hash(layer)), with: changed)
        let image = try OCILayout(folder: layout.path).image(named: nil, for: platform)
        var isParsed = false
        #expect(throws: RegistryError.self) { try image.readLayer(0) { _ in isParsed = true } }
        #expect(!isParsed)
    }

    @Test("a layer that is longer or shorter than declared is refused", arguments: [-512, 512])
    func sizeLies(difference: Int) throws {
        let layer = try TestLayout.layer(["a"])
        let digest = try layout.blob(layer)
        let configuration = Array(
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:\#(digest.hex)"]}}"#
                .utf8)
        try layout.index([
            try layout.manifest(
                config: TestLayout.descriptor("config.v1+json", layout.blob(configuration), configuration.count),
                layers: [TestLayout.descriptor("layer.v1.tar", digest, layer.count + difference)])
        ])
        #expect(throws: RegistryError.self) { try read() }
    }

    @Test("a layer that decompresses to something else than the configuration says is refused")
    func otherContent() throws {
        let layer = try TestLayout.layer(["a"])
        let other = SHA256.hash([1])
        let configuration = Array(
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:\#(other.hex)"]}}"#
                .utf8)
        try layout.index([
            try layout.manifest(
                config: TestLayout.descriptor("config.v1+json", layout.blob(configuration), configuration.count),
                layers: [TestLayout.descriptor("layer.v1.tar", layout.blob(layer), layer.count)])
        ])
        #expect(throws: RegistryError.self) { try read() }
    }

    @Test("a manifest or configuration with other bytes is not parsed")
    func changedDocuments() throws {
        try layout.index([try layout.image([])])
        for name in try Files.names(in: layout.path.appending("blobs/sha256")) {
            let path = layout.path.appending("blobs/sha256/\(name)")
            let bytes = try Files.read(path, limit: 1 << 20)
            try Files.replace(path, with: bytes.map { $0 == UInt8(ascii: "2") ? UInt8(ascii: "3") : $0 })
            #expect(throws: RegistryError.self) { try read() }
            try Files.replace(path, with: bytes)
        }
        #expect(try read().isEmpty)
    }

    @Test(
        "a digest is never used as a path (CVE-2024-3727)",
        arguments: ["sha256:../../../../etc/passwd", "sha512:00", "sha256:", "../x", "sha256:AB"])
    func digests(text: String) throws {
        try layout.index([
            #"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"\#(text)","size":10}"#
        ])
        #expect(throws: RegistryError.self) { try read() }
    }

    @Test("a blob that is a link is not followed out of the layout")
    func link() throws {
        let layer = try TestLayout.layer(["a"])
        try layout.index([try layout.image([layer])])
        let path = blobPath(SHA256.hash(layer))
        let outside = try layout.folder.write("outside", layer)
        try Files.remove(path)
        try retrying("link", path.string) { symlink(outside.string, path.string) }
        #expect(throws: SystemError.self) { try read() }
    }

    @Test("a blob that is missing is named")
    func missing() throws {
        let layer = try TestLayout.layer(["a"])
        try layout.index([try layout.image([layer])])
        try Files.remove(blobPath(SHA256.hash(layer)))
        let digest = "sha256:\(SHA256.hash(layer).hex)"
        #expect(throws: RegistryError.missingBlob(digest: digest, place: layout.path.string)) { try read() }
    }

    @Test("documents that declare gigabytes, floats or other versions are refused")
    func documents() throws {
        let huge = TestLayout.descriptor("manifest.v1+json", SHA256.hash([]), 1 << 40)
        try layout.index([huge])
        #expect(throws: RegistryError.self) { try read() }
        for text in [
            #"{"schemaVersion":2.0,"manifests":[]}"#, #"{"schemaVersion":1,"manifests":[]}"#, "[]",
            #"{"schemaVersion":2,"schemaVersion":2,"manifests":[]}"#,
        ] {
            try layout.folder.write("index.json", text: text)
            #expect(throws: TrustMetadataError.self) { try read() }
        }
        try layout.folder.write("oci-layout", text: #"{"imageLayoutVersion":"2.0.0"}"#)
        #expect(throws: RegistryError.self) { try read() }
    }

    private func spool(_ entries: [TarEntry]) throws -> SpooledLayout {
        let file = try layout.folder.write("layout.tar", [])
        let output = try Descriptor(opening: file.string, flags: O_WRONLY)
        let writer = TarWriter { try output.write($0) }
        for entry in entries { try writer.add(entry) }
        // No end: an entry that claims much has nothing behind it.
        let reader = TarReader(FileSource(try Descriptor(opening: file.string)))
        return try SpooledLayout(reader, first: #require(try reader.next()))
    }

    private func entry(_ path: String, size: Int64 = 0) -> TarEntry {
        TarEntry(path: Array(path.utf8), kind: .file(size: size), permissions: 0o644)
    }

    @Test("files of an archive that no layout needs are not kept in memory")
    func otherDocuments() throws {
        let names = (0..<1000).map { "document\($0)" } + ["oci-layout", "index.json"]
        let file = try layout.folder.write("layout.tar", [])
        let output = try Descriptor(opening: file.string, flags: O_WRONLY)
        let writer = TarWriter { try output.write($0) }
        for name in names { try writer.add(entry(name)) }
        try writer.finish()
        let reader = TarReader(FileSource(try Descriptor(opening: file.string)))
        let spooled = try SpooledLayout(reader, first: #require(try reader.next()))
        #expect(spooled.documents.keys.sorted() == ["index.json", "oci-layout"])
    }

    @Test("an archive with more blobs than a process has files is refused by name")
    func manyBlobs() {
        let blobs = (0...SpooledLayout.blobLimit).map { entry("blobs/sha256/\(SHA256.hash(Array("\($0)".utf8)).hex)") }
        let error = #expect(throws: RegistryError.self) { try spool(blobs) }
        if case .notALayout? = error {} else { Issue.record("\(String(describing: error))") }
    }

    @Test("a blob that does not fit on the disk is refused before it fills the disk")
    func hugeBlob() {
        let blob = entry("blobs/sha256/\(SHA256.hash([]).hex)", size: 1 << 50)
        let error = #expect(throws: RegistryError.self) { try spool([blob]) }
        #expect(error?.category == .noSpace)
    }

    @Test("indexes that name one index a thousand times each are read once")
    func manyTimes() throws {
        let empty = Array(TestLayout.index([]).utf8)
        var inner = TestLayout.descriptor("index.v1+json", try layout.blob(empty), empty.count)
        for _ in 0..<2 {
            let text = Array(TestLayout.index(Array(repeating: inner, count: 1000)).utf8)
            inner = TestLayout.descriptor("index.v1+json", try layout.blob(text), text.count)
        }
        try layout.index(Array(repeating: inner, count: 100))
        let error = #expect(throws: RegistryError.self) { try read() }
        if case .noSuchImage? = error {} else { Issue.record("\(String(describing: error))") }
    }

    @Test("an image behind more than a hundred indexes is given up")
    func manyIndexes() throws {
        try layout.index(
            try (0..<110).map { index in
                let other = TestLayout.descriptor("signature.v7", SHA256.hash(Array("\(index)".utf8)), index)
                let text = Array(TestLayout.index([other]).utf8)
                return TestLayout.descriptor("index.v1+json", try layout.blob(text), text.count)
            })
        let error = #expect(throws: RegistryError.self) { try read() }
        if case .unsupported? = error {} else { Issue.record("\(String(describing: error))") }
    }

    @Test("indexes that are nested without end are given up")
    func nested() throws {
        var inner = try layout.image([])
        for _ in 0..<6 {
            let text = Array(TestLayout.index([inner]).utf8)
            inner = TestLayout.descriptor("index.v1+json", try layout.blob(text), text.count)
        }
        try layout.index([inner])
        #expect(throws: RegistryError.self) { try read() }
    }
}
