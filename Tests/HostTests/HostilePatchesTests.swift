import Checksums
import LinuxSystem
import ObjectFormats
import ObjectPatches
import Releases
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Patches that are good, missing, damaged or forged: the upgrade is done in any case, and the store is whole.
@Suite struct HostilePatchesTests {
    private let origin: HostileServerFixture
    private let index = HostileServerFixture.patchIndexPath
    private let pool = HostileServerFixture.patchPoolPath

    init() throws { origin = try HostileServerFixture(patchesFor: "2") }

    private var objectRequests: [String] {
        origin.server.requests.map(\.path).filter { $0.hasSuffix(".filez") || $0.hasSuffix(".dirtree") }
    }

    /// Everything comes whole, and the reason is told.
    private func expectNoPatches(_ reason: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let fetched = try origin.upgrade(sourceLocation: sourceLocation)
        #expect(try fetched.integer("from_patches") == 0, sourceLocation: sourceLocation)
        #expect(try fetched.integer("whole") > 15, sourceLocation: sourceLocation)
        let failure = try fetched.string("patch_failure")
        #expect(failure.contains(reason), "\(failure)", sourceLocation: sourceLocation)
    }

    /// Some objects come whole, the others by patches.
    private func expectSomePatches(_ reason: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let fetched = try origin.upgrade(sourceLocation: sourceLocation)
        #expect(try fetched.integer("fallen_back") > 0, sourceLocation: sourceLocation)
        #expect(
            try fetched.integer("fallen_back") <= fetched.integer("whole"), sourceLocation: sourceLocation)
        let failure = try fetched.string("patch_failure")
        #expect(failure.contains(reason), "\(failure)", sourceLocation: sourceLocation)
    }

    // MARK: good ones

    @Test("an upgrade by patches fetches index and pool, and no object") func healthy() throws {
        let fetched = try origin.upgrade()
        let wanted = try origin.patchIndex().objects.count
        #expect(try fetched.integer("from_patches") == wanted)
        #expect(try fetched.integer("whole") == 0 && fetched.integer("fallen_back") == 0)
        #expect(objectRequests == [])
        let manifest = try origin.manifest("3")
        let size = manifest.fetchSize(from: try origin.commit("2"))
        #expect(try fetched.integer("downloaded_bytes") == size.patchBytes)
        #expect(size.downloadBytes < size.compressedBytes / 2)
    }

    @Test("--check tells the download by patches") func check() throws {
        let download = try origin.host.changeJSON("upgrade", "--check").fields("download")
        #expect(try download.bool("patches"))
        #expect(try download.integer("download_bytes") == download.integer("patch_bytes"))
        #expect(try download.integer("patch_bytes") < download.integer("compressed_bytes"))
        #expect(try origin.host.change("upgrade", "--check").text.contains("as patches"))
    }

    @Test("an installation does not ask for patches") func install() throws {
        let host = try HostFixture(releases: [], installed: nil)
        let result = try host.hostctl(
            ["install", "sysroot", host.root.string, "--origin", origin.server.url, "--channel", HostFixture.channel]
                + ["--trusted-key", origin.host.publicKey.string])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(origin.server.requests.allSatisfy { !$0.path.hasPrefix("patches/") })
    }

    @Test("patches out of a folder need no server") func folder() throws {
        try origin.host.change("switch", HostFixture.channel, "--origin", origin.host.origin.string)
        try origin.host.expectAgreement(["3", "2"])
    }

    @Test("a host at a release that patches do not start from gets what it lacks, and no failure is told")
    func distant() throws {
        let origin = try HostileServerFixture(patchesFor: "1")
        origin.server.set(.status(404), for: try origin.manifestPath("2"))
        let fetched = try origin.upgrade()
        #expect(try fetched.integer("whole") > 10 && fetched.integer("fallen_back") == 0)
    }

    @Test("a host that has both bases needs no more than one that has one") func bothBases() throws {
        // From one origin, as signatures and so compressed sizes differ between two.
        let both = try HostileServerFixture(patchesFor: "2")
        try Files.removeTree(both.host.root)
        try both.host.install(version: "1", at: both.server.url)
        try both.host.change("upgrade", "--version", "2")
        let bytes = try [origin.upgrade(), both.upgrade()].map { try $0.integer("downloaded_bytes") }
        #expect(bytes[1] > 0 && bytes[1] <= bytes[0], "\(bytes)")
    }

    // MARK: the index

    @Test(
        "an index that is not there, cut, flipped, too long, empty or another release's is no patches",
        arguments: [
            ("missing", "the server answered 404"), ("cut", "not the one in the manifest"),
            ("flipped", "not the one in the manifest"), ("longer", "is larger than"), ("endless", "is larger than"),
            ("empty", "not the one in the manifest"), ("of release 2", "the manifest"),
        ])
    func badIndex(_ fault: String, _ reason: String) throws {
        let bytes = try origin.served(index)
        let other = try origin.served("patches/lean-host/stable/x86_64/2.index")
        let behaviour: ServerBehaviour =
            switch fault {
            case "missing": .status(404)
            case "cut": .content(bytes.dropLast())
            case "flipped": .flipped(at: 30)
            case "longer": .content(bytes + [0])
            case "endless": .endless
            case "empty": .content([])
            default: .content(other.count > bytes.count ? Array(other.prefix(bytes.count)) : other)
            }
        origin.server.set(behaviour, for: index)
        try expectNoPatches(reason)
        #expect(origin.server.requests(of: pool).isEmpty)
    }

    @Test("an index that was damaged on the way once is asked for again") func indexDamagedOnce() throws {
        origin.server.set(.times(1, .flipped(at: 30)), for: index)
        #expect(try origin.upgrade().integer("whole") == 0)
    }

    /// Serves an index that is signed, whatever is in it.
    private func offerIndex(_ frame: [UInt8], decodedSize: Int) async throws {
        origin.server.set(.content(frame), for: index)
        try await origin.offerPatches { files in
            files.indexSize = Int64(frame.count)
            files.indexChecksum = SHA256.hash(frame)
            files.indexDecodedSize = Int64(decodedSize)
        }
    }

    /// A zstd frame (RFC 8878) that holds bytes as they are.
    private func storedFrame(_ bytes: [UInt8], claiming size: Int? = nil) -> [UInt8] {
        let number = { (value: Int, count: Int) in (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        return number(0xFD2F_B528, 4) + [0xA0] + number(size ?? bytes.count, 4) + number(bytes.count << 3 | 1, 3)
            + bytes
    }

    @Test("a signed index of a later format is no patches") func laterFormat() async throws {
        var bytes = try origin.patchIndex().encode()
        bytes[8] += 1
        try await offerIndex(storedFrame(bytes), decodedSize: bytes.count)
        try expectNoPatches("format 2")
    }

    @Test("a signed index that is none is no patches", arguments: [0, 7, 100]) func nonsense(_ count: Int) async throws
    {
        let bytes = Array(try origin.patchIndex().encode().prefix(count))
        try await offerIndex(storedFrame(bytes), decodedSize: bytes.count)
        try expectNoPatches("the patch index is malformed")
    }

    @Test("an index that unpacks to more than was signed is no patches", arguments: [-1, 1, 1 << 40])
    func bomb(_ change: Int) async throws {
        let index = try origin.patchIndex()
        try await offerIndex(index.frame(), decodedSize: index.encode().count + change)
        try expectNoPatches("the patch index is malformed")
    }

    @Test("an index whose frame claims the right size and holds more is no patches") func hiddenBomb() async throws {
        let bytes = try origin.patchIndex().encode()
        try await offerIndex(storedFrame(bytes + bytes, claiming: bytes.count), decodedSize: bytes.count)
        try expectNoPatches("the patch index is malformed")
    }

    @Test("a signed index of another release is no patches") func otherIndex() async throws {
        var index = try origin.patchIndex()
        index.commit = try origin.commit("2")
        try await offerIndex(index.frame(), decodedSize: index.encode().count)
        try expectNoPatches("is of another release")
    }

    @Test("a signed index that is much larger than the release is no patches") func largeObjects() async throws {
        var index = try origin.patchIndex()
        index.objects[0].size = 1 << 39
        try await offerIndex(index.frame(), decodedSize: index.encode().count)
        try expectNoPatches("objects that are not the release's")
    }

    // MARK: the pool

    @Test(
        "a pool that is not there, cut, another release's, or comes as wrong ranges is left alone",
        arguments: ["missing", "cut", "other", "longer", "shifted", "lying", "untold", "encoded", "multipart", "long"])
    func badPool(_ fault: String) throws {
        let bytes = try origin.served(pool)
        let behaviour: ServerBehaviour =
            switch fault {
            case "missing": .status(404)
            case "cut": .content(bytes.dropLast())
            case "other": .content(Array(bytes.reversed()))
            case "longer": .content(bytes + [0])
            case "shifted": .range(.shifted(1))
            case "lying": .range(.lying(-1))
            case "untold": .range(.untold)
            case "encoded": .range(.encoded)
            case "multipart": .range(.multipart)
            default: .range(.shortened(-10))
            }
        origin.server.set(behaviour, for: pool)
        let fetched = try origin.upgrade()
        #expect(try fetched.integer("from_patches") == 0)
        #expect(try fetched.integer("fallen_back") == origin.patchIndex().objects.count)
        #expect(try !fetched.string("patch_failure").isEmpty)
        #expect(objectRequests.count > 10)
    }

    @Test("a pool that was damaged on the way once is asked for again") func poolDamagedOnce() throws {
        origin.server.set(.times(1, .flipped(at: 50)), for: pool)
        let fetched = try origin.upgrade()
        #expect(try fetched.integer("whole") == 0)
        #expect(origin.server.requests(of: pool).count == 2)
    }

    @Test("a connection that is cut in the middle of a part is gone on with") func cut() throws {
        origin.server.set(.times(2, .range(.cut(after: 100))), for: pool)
        let fetched = try origin.upgrade()
        #expect(try fetched.integer("whole") == 0)
    }

    @Test("a server without ranges sends the pool whole when that is cheaper") func noRanges() throws {
        origin.server.set(.ignoringRange, for: pool)
        #expect(try origin.upgrade().integer("whole") == 0)
        #expect(origin.server.requests(of: pool).count == 2)
    }

    @Test("what fell back is told in one line") func told() throws {
        origin.server.set(.status(404), for: pool)
        let result = try origin.host.onSysroot("upgrade")
        #expect(result.status == 0)
        let lines = result.errorText.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].contains("could not be made from patches and were fetched whole"))
    }

    // MARK: this host

    @Test("a source that is damaged here is no help, and the new release is whole") func damagedSource() throws {
        let index = try origin.patchIndex()
        let source = try #require(index.sources.first { $0.name.kind == .file })
        let path = origin.host.sysroot.paths.repository.appending("objects/\(source.name.barePath)")
        let bytes = try Files.read(path, limit: 1 << 20)
        let write = { (bytes: [UInt8]) in try Descriptor(opening: path.string, flags: 1).write(bytes) }
        try write(bytes.map { $0 ^ 1 })
        let fetched = try origin.host.changeJSON("upgrade").fields("fetched")
        #expect(try fetched.integer("fallen_back") == 1)
        #expect(try fetched.integer("from_patches") == index.objects.count - 1)
        // What was damaged is the old release's; everything else is whole.
        try write(bytes)
        try origin.host.expectAgreement(["3", "2"])
    }

    @Test(
        "an upgrade by patches that is killed is completed by running it again",
        arguments: [
            "patches.after-index", "patches.part:1", "patches.object:1", "patches.object:5", "patches.object:12",
            "patches.before-fallback",
        ])
    func killed(_ point: String) throws {
        let result = try origin.host.onSysroot("upgrade", environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(result.errorText)")
        try origin.host.expectAgreement(["2"])
        let fetched = try origin.upgrade()
        let made = point.split(separator: ":").last.flatMap { Int64($0) } ?? 0
        let all = try Int64(origin.patchIndex().objects.count)
        #expect(try fetched.integer("fallen_back") == 0)
        #expect(try fetched.integer("objects") <= all - (point.hasPrefix("patches.object") ? made : 0))
    }

    @Test("an upgrade by patches that is killed again and again comes to its end") func stubborn() throws {
        var kills = 0
        while kills < 30 {
            let result = try origin.host.onSysroot(
                "upgrade", environment: ["HOSTCTL_FAULT_POINT": "patches.object:4"])
            if result.end != .signaled(9) { break }
            kills += 1
        }
        #expect((3...12).contains(kills), "\(kills)")
        try origin.host.expectAgreement(["3", "2"])
    }
}
