import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

@testable import HostImages

@Suite("inspecting an image") struct ReportTests {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder.path.appending("store"), mode: .bare)
    }

    private func commit(_ edit: (inout [String: Variant]) -> Void = { _ in }) throws -> Checksum {
        try folder.write(
            "recipe/image.conf",
            text:
                "[Image]\nSuite=trixie\nChannel=test/stable\nPackages=a\nArchitecture=x86_64\nKernelArguments=rw quiet")
        let tree = sampleTree()
        let converted = try TreeConversion.convert(tree)
        let stored = try store.ingest(tree)
        var metadata = ImageMetadata(
            recipe: try Recipe(reading: folder.path.appending("recipe")), version: "1.2", kernel: converted.kernel,
            packages: converted.packages, size: 3 << 20
        ).values
        edit(&metadata)
        let commit = Commit(
            metadata: metadata, subject: "test", timestamp: 1_762_596_720, rootTree: stored.rootTree,
            rootMetadata: stored.rootMetadata)
        return try store.write(commit: commit, ref: "test/stable/x86_64")
    }

    @Test("a report says what the build put into the commit, by ref or by checksum")
    func report() throws {
        let checksum = try commit()
        let report = try ImageReport(of: "test/stable/x86_64", in: store)
        #expect(report == (try ImageReport(of: checksum.hex, in: store)))
        #expect(report.version == "1.2")
        #expect(report.kernel == "6.1")
        #expect(report.kernelArguments == ["rw", "quiet"])
        #expect(report.refs == ["test/stable/x86_64"])
        #expect(report.packages.map(\.name) == ["ca-certificates", "systemd"])
        #expect(report.objectCount > 10)
    }

    @Test("sizes that a commit claims can be any number")
    func absurdSizes() throws {
        _ = try commit { metadata in
            metadata[Commit.Key.packages] = .rows([
                ["a", "1", "amd64", "\(Int64.max)"], ["b", "1", "amd64", "\(Int64.min)"],
            ])
            metadata[Commit.Key.installedSize] = .uint64(.max)
        }
        let report = try ImageReport(of: "test/stable/x86_64", in: store)
        #expect(report.text(listingPackages: true).contains("  b 1 amd64 0\n"))
    }

    @Test("a package that claims a negative or absurd size in dpkg's database has none")
    func hostileStatus() {
        let status = ["-1", "9223372036854775807", "99999999999999999999", "x", "7"].map {
            "Package: p\($0)\nStatus: install ok installed\nVersion: 1\nInstalled-Size: \($0)\n"
        }
        let packages = PackageList.parse(status: status.joined(separator: "\n"))
        #expect(packages.map(\.installedKiB).sorted() == [0, 0, 0, 0, 7])
    }

    @Test("an image with a link that was changed in the store is not exported")
    func changedLink() throws {
        let commit = try commit()
        func export() throws -> ExportedImage { try ImageExporter.export(commit.hex, from: store) { _ in } }
        #expect(try export().commit == commit)
        let link = try #require(try store.file(at: "ostree", in: commit))
        let path = store.path(of: ObjectName(link, .file))
        try Files.remove(path)
        try Files.makeLink(path, target: "sysroot/evil")
        #expect(throws: StoreError.self) { try export() }
    }

    @Test("the text names everything, and the packages when asked")
    func text() throws {
        _ = try commit()
        let report = try ImageReport(of: "test/stable/x86_64", in: store)
        let text = report.text(listingPackages: true)
        for part in [
            "test/stable 1.2, x86_64", "2025-11-08T10:12:00Z", "6.1", "rw quiet", "3.0 MiB",
            "  systemd 257.9-1 amd64 10752000\n",
        ] {
            #expect(text.contains(part))
        }
        #expect(!report.text(listingPackages: false).contains("257.9-1"))
    }

    @Test("the JSON has the same values, sizes in bytes")
    func json() throws {
        _ = try commit()
        let json = try ImageReport(of: "test/stable/x86_64", in: store).json
        #expect(json["version"]?.string == "1.2")
        #expect(json["sourceDate"]?.integer == 1_762_596_720)
        #expect(json["packages"]?.array?.last?["installedSize"]?.integer == Int64(10_752_000))
    }

    @Test("a commit that another program made is refused", arguments: ["version", "hostctl.channel", "ostree.linux"])
    func otherCommit(key: String) throws {
        let checksum = try commit { $0[key] = nil }
        #expect(throws: ImageError.noImageMetadata(commit: checksum.hex)) {
            try ImageReport(of: checksum.hex, in: store)
        }
    }

    @Test("a ref that does not exist is refused")
    func noRef() { #expect(throws: StoreError.self) { try ImageReport(of: "none", in: store) } }
}
