import Checksums
import LinuxSystem
import ObjectFormats
import ObjectPatches
import Releases
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// A full pack that is good, missing, damaged or another release's: the release is installed in any case, and whole.
@Suite struct HostilePackTests {
    private let origin: HostileServerFixture
    private let index = HostileServerFixture.patchPath("6.packindex")
    private let pack = HostileServerFixture.patchPath("6.pack")

    init() throws { origin = try HostileServerFixture(distant: 1, fullPack: true) }

    private func install(
        environment: [String: String] = [:], into host: HostFixture
    ) throws -> ProcessResult {
        try host.hostctl(
            ["install", "sysroot", host.root.string, "--origin", origin.server.url, "--channel", HostFixture.channel]
                + ["--trusted-key", origin.host.publicKey.string, "--json"], environment: environment)
    }

    private func install(sourceLocation: SourceLocation = #_sourceLocation) throws -> JSONFields {
        let host = try HostFixture(releases: [], installed: nil)
        let result = try install(into: host)
        #expect(result.status == 0, "\(result.errorText)", sourceLocation: sourceLocation)
        try host.expectAgreement(["6"], sourceLocation: sourceLocation)
        return try result.json.fields("fetched")
    }

    private var objectRequests: [String] {
        origin.server.requests.map(\.path).filter { $0.hasSuffix(".filez") || $0.hasSuffix(".dirtree") }
    }

    @Test("an installation from a full pack asks for no object, and for less than all objects") func healthy() throws {
        let packed = try install()
        #expect(try packed.integer("whole") == 0 && packed.integer("from_full_pack") > 30)
        #expect(objectRequests == [])
        let answers = origin.server.requests.count
        origin.server.forgetRequests()
        origin.server.set(.status(404), for: index)
        let whole = try install()
        #expect(try packed.integer("downloaded_bytes") < whole.integer("downloaded_bytes"))
        #expect(try packed.integer("objects") == whole.integer("objects"))
        #expect(answers * 3 < origin.server.requests.count, "\(answers) of \(origin.server.requests.count)")
    }

    @Test(
        "an index of the full pack that is missing, cut, flipped or another one is not read",
        arguments: ["missing", "cut", "flipped", "patches'"])
    func badIndex(_ fault: String) throws {
        let bytes = try origin.served(index)
        let behaviour: ServerBehaviour =
            switch fault {
            case "missing": .status(404)
            case "cut": .content(bytes.dropLast())
            case "flipped": .flipped(at: 40)
            default: .content(try origin.served(HostileServerFixture.patchPath("6.index")))
            }
        origin.server.set(behaviour, for: index)
        let fetched = try install()
        #expect(try fetched.integer("from_full_pack") == 0 && !fetched.string("patch_failure").isEmpty)
        #expect(origin.server.requests(of: pack).isEmpty)
    }

    @Test(
        "a full pack that is missing, cut, another release's, or comes as wrong ranges makes nothing",
        arguments: ["missing", "cut", "other", "longer", "shifted", "lying", "untold", "encoded"])
    func badPack(_ fault: String) throws {
        let bytes = try origin.served(pack)
        let behaviour: ServerBehaviour =
            switch fault {
            case "missing": .status(404)
            case "cut": .content(bytes.dropLast())
            case "other": .content(try origin.served(HostileServerFixture.patchPath("5.pool")))
            case "longer": .content(bytes + [0])
            case "shifted": .range(.shifted(1))
            case "lying": .range(.lying(1))
            case "untold": .range(.untold)
            default: .range(.encoded)
            }
        origin.server.set(behaviour, for: pack)
        let fetched = try install()
        #expect(try fetched.integer("from_full_pack") == 0 && fetched.integer("fallen_back") > 30)
        #expect(objectRequests.count > 30)
    }

    @Test("a full pack whose content changes between two answers is asked for again") func changed() throws {
        origin.server.set(.times(1, .flipped(at: 50)), for: pack)
        #expect(try install().integer("whole") == 0)
    }

    @Test("a full pack with one part damaged costs the objects of that part") func onePart() throws {
        let last = try origin.served(pack).count - 10
        origin.server.set(.flipped(at: last), for: pack)
        let fetched = try install()
        #expect(try fetched.integer("from_full_pack") > 0 || fetched.integer("fallen_back") > 0)
    }

    @Test("a server without ranges sends the full pack whole") func noRanges() throws {
        origin.server.set(.ignoringRange, for: pack)
        #expect(try install().integer("whole") == 0)
    }

    @Test("an upgrade that no patches lead to takes what it lacks out of the full pack") func distant() throws {
        let fetched = try origin.upgrade(to: "6")
        #expect(try fetched.integer("from_full_pack") > 5)
        #expect(try fetched.integer("fallen_back") == 0)
        try origin.expectNothingElse(["1", "6"])
    }

    @Test("an upgrade whose patches are lost falls to the full pack, and then to whole objects") func ladder() throws {
        origin.server.set(.status(404), for: HostileServerFixture.patchPath("6.index"))
        let fetched = try origin.upgrade(to: "6")
        #expect(try fetched.integer("from_patches") == 0 && fetched.integer("from_full_pack") > 5)
    }

    @Test("--check tells what the full pack costs at most") func check() throws {
        let download = try origin.host.changeJSON("upgrade", "--check").fields("download")
        let files = try #require(try origin.manifest("6").fullPack)
        #expect(try download.integer("full_pack_bytes") == files.indexSize + files.poolSize)
        #expect(try download.integer("download_bytes") <= download.integer("full_pack_bytes"))
    }

    @Test(
        "an installation from a full pack that is killed is completed by running it again",
        arguments: ["patches.after-pack-index", "patches.part:1", "patches.object:1", "patches.object:20"])
    func killed(_ point: String) throws {
        let host = try HostFixture(releases: [], installed: nil)
        let result = try install(environment: ["HOSTCTL_FAULT_POINT": point], into: host)
        #expect(result.end == .signaled(9), "\(result.errorText)")
        let again = try install(into: host)
        #expect(again.status == 0, "\(again.errorText)")
        try host.expectAgreement(["6"])
    }
}
