import Checksums
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

@testable import HostImages

@Suite("lock files") struct LockTests {
    let folder: TemporaryFolder
    let content = Array("a package".utf8)
    var cache: FilePath { folder.path.appending("packages") }

    init() throws {
        folder = try TemporaryFolder()
        try folder.write("recipe/image.conf", text: "[Image]\nSuite=trixie\nChannel=test/stable\nPackages=tool\n")
        try Files.makeFolder(cache)
    }

    private func package(_ address: String? = nil) -> PackageLock.Package {
        PackageLock.Package(
            name: "tool", version: "1:2.0-1", architecture: "amd64", size: Int64(content.count),
            sha256: SHA256.hash(content),
            address: address ?? "file://\(folder.path)/archive/pool/t/tool_2.0-1_amd64.deb")
    }

    private func lock(_ package: PackageLock.Package, suite: String = "trixie") -> PackageLock {
        PackageLock(
            suite: suite, architecture: "amd64", sourceDate: 7,
            sources: [PackageLock.Source(index: "deb.debian.org/debian/dists/trixie", date: 5)], packages: [package])
    }

    private func fetch(_ lock: PackageLock, _ overrides: String...) async throws {
        let recipe = try Recipe(
            reading: folder.path.appending("recipe"), overrides: ["Architecture=x86_64"] + overrides)
        let fetch = PackageFetch(
            recipe: recipe, work: folder.path, cache: cache, environment: BuildEnvironment(sourceDate: 1))
        try await fetch.fetch(lock, log: try ToolLog(folder.path.appending("build.log")))
    }

    @Test("a date before 1970 is malformed", arguments: ["\"sourceDate\":7", "\"date\":5"])
    func negativeDates(member: String) throws {
        let negative = member.replacing(":", with: ":-")
        let text = lock(package()).text
        let path = try folder.write("image.lock", text: text.replacing(member, with: negative))
        #expect(text.contains(member))
        #expect(throws: TrustMetadataError.self) { try PackageLock(reading: path) }
    }

    @Test("a lock file is read as it was written, and has one line for each package")
    func roundTrip() throws {
        let path = folder.path.appending("image.lock")
        try lock(package()).write(to: path)
        #expect(try PackageLock(reading: path) == lock(package()))
        let text = String(decoding: try folder.read("image.lock"), as: UTF8.self)
        #expect(text.split(separator: "\n").filter { $0.contains("\"tool\"") }.count == 1)
    }

    @Test(
        "a lock file that names a file outside of the cache or no checksum is refused",
        arguments: [
            ("\"tool\"", "\"../tool\""), ("\"tool\"", "\"\""), ("\"tool\"", "\"--yes\""), ("\"1:2.0-1\"", "\"/../x\""),
            ("\"format\":1", "\"format\":2"), ("\"sha256\":\"", "\"sha256\":\"x"),
        ])
    func malformed(original: String, replacement: String) throws {
        let text = lock(package()).text.replacing(original, with: replacement)
        let path = try folder.write("image.lock", text: text)
        #expect(throws: TrustMetadataError.self) { try PackageLock(reading: path) }
    }

    @Test("apt's list becomes packages with epochs, sorted by name")
    func aptList() throws {
        let sha256 = String(repeating: "ab", count: 32)
        let packages = try PackageFetch.parse(
            """
            Reading package lists...
            'http://x/pool/z/zlib1g_1%3a1.3-1_amd64.deb' zlib1g_1%3a1.3-1_amd64.deb 12 SHA256:\(sha256)
            'http://x/pool/a/adduser_3.152_all.deb' adduser_3.152_all.deb 7 SHA256:\(sha256)
            """)
        #expect(packages.map(\.name) == ["adduser", "zlib1g"])
        #expect(packages[1].version == "1:1.3-1" && packages[1].fileName == "zlib1g_1%3a1.3-1_amd64.deb")
        #expect(packages[0].address == "http://x/pool/a/adduser_3.152_all.deb")
        #expect(throws: ImageError.self) {
            try PackageFetch.parse("'http://x/a_1_all.deb' a_1_all.deb 7 MD5Sum:00")
        }
    }

    @Test("a kept file with the lock's checksum is used without asking the archive")
    func kept() async throws {
        try folder.write("packages/tool_1%3a2.0-1_amd64.deb", content)
        try await fetch(lock(package("http://127.0.0.1:1/pool/x.deb")))
    }

    @Test("a kept file of the same size with other content is fetched anew")
    func tampered() async throws {
        try folder.write("packages/tool_1%3a2.0-1_amd64.deb", content.reversed())
        try folder.write("archive/pool/t/tool_2.0-1_amd64.deb", content)
        try await fetch(lock(package()))
        #expect(try folder.read("packages/tool_1%3a2.0-1_amd64.deb") == content)
    }

    @Test("what is gone from its address is fetched from another mirror of the recipe")
    func otherMirror() async throws {
        try folder.write("snapshot/pool/t/tool_2.0-1_amd64.deb", content)
        try await fetch(lock(package()), "Mirrors=file://\(folder.path)/snapshot")
        #expect(try folder.read("packages/tool_1%3a2.0-1_amd64.deb") == content)
    }

    @Test("a version that the archive no longer has is named, and so is one that became another file")
    func gone() async throws {
        let expected = ImageError.lockedPackagesMissing(["tool 1:2.0-1"])
        let nowhere = "Mirrors=file://\(folder.path)/none", security = "SecurityMirrors=file://\(folder.path)/none"
        await #expect(throws: expected) { try await fetch(lock(package()), nowhere, security) }
        try folder.write("archive/pool/t/tool_2.0-1_amd64.deb", content.reversed())
        await #expect(throws: expected) { try await fetch(lock(package()), nowhere, security) }
        #expect(!Files.exists(cache.appending("tool_1%3a2.0-1_amd64.deb")))
    }

    @Test("a lock of another suite, or without a package that the recipe asks for, is refused")
    func mismatch() async throws {
        await #expect(throws: ImageError.lockMismatch(detail: "it is for bookworm on amd64")) {
            try await fetch(lock(package(), suite: "bookworm"))
        }
        await #expect(throws: ImageError.lockMismatch(detail: "it has no crun, which the recipe asks for")) {
            try await fetch(lock(package()), "Packages=crun")
        }
    }
}
