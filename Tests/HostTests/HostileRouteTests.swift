import Checksums
import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases
import Signatures
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Releases in between lead a host that fell behind to the newest release: cheaply when they are good, and whatever they are,
/// it gets there, and nothing of them stays.
@Suite struct HostileRouteTests {
    private let origin: HostileServerFixture

    init() throws { origin = try HostileServerFixture(distant: 3) }

    /// All that release 6 can be reached by: 3 or 4 alone, or 5 and then 2.
    private let between = ["2", "3", "4"]

    private func path(_ file: String) -> String { HostileServerFixture.patchPath(file) }

    /// Upgrades to release 6, after which the store has nothing that it should not have.
    private func upgrade(sourceLocation: SourceLocation = #_sourceLocation) throws -> JSONFields {
        let fetched = try origin.upgrade(to: "6", sourceLocation: sourceLocation)
        try origin.expectNothingElse(["1", "6"], sourceLocation: sourceLocation)
        return fetched
    }

    private func through(_ fetched: JSONFields) throws -> [String] {
        try fetched.strings("through")
    }

    /// Nothing came by way of other releases; the upgrade was done all the same.
    private func expectNoRoute(_ reason: String?, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let fetched = try upgrade(sourceLocation: sourceLocation)
        #expect(try fetched.integer("whole") > 10, sourceLocation: sourceLocation)
        guard let reason else { return }
        let failure = try fetched.string("patch_failure")
        #expect(failure.contains(reason), "\(failure)", sourceLocation: sourceLocation)
    }

    // MARK: good ones

    @Test("a host five releases behind downloads less by way of a release in between than whole")
    func healthy() throws {
        let fetched = try upgrade()
        #expect(try fetched.integer("passing_objects") > 0)
        #expect(try through(fetched).count == 1)
        #expect(try fetched.integer("fallen_back") == 0)
        let other = try HostileServerFixture(distant: 3)
        for version in 2...6 { other.server.set(.status(404), for: path("\(version).index")) }
        let whole = try other.upgrade(to: "6")
        #expect(try whole.integer("from_patches") == 0)
        let (bytes, all) = (try fetched.integer("downloaded_bytes"), try whole.integer("downloaded_bytes"))
        #expect(bytes < all * 3 / 4, "\(bytes) of \(all)")
        #expect(try fetched.integer("objects") == whole.integer("objects"))
    }

    @Test("two releases may lie in between, and nothing of them stays") func two() throws {
        let origin = try HostileServerFixture(distant: 2)
        let fetched = try origin.upgrade(to: "6")
        #expect(try through(fetched).count == 2)
        #expect(try fetched.integer("fallen_back") == 0)
        try origin.expectNothingElse(["1", "6"])
    }

    @Test("three releases would be too many: what is missing comes whole") func three() throws {
        let origin = try HostileServerFixture(distant: 1, fullPack: true)
        origin.server.set(.status(404), for: path("6.packindex"))
        let fetched = try origin.upgrade(to: "6")
        #expect(try through(fetched) == [] && fetched.integer("passing_objects") == 0)
        #expect(try fetched.integer("whole") > 10)
    }

    @Test("--check tells the way, and no less than what is then downloaded") func check() throws {
        let download = try origin.host.changeJSON("upgrade", "--check").fields("download")
        #expect(try download.string("way") == "route" && download.bool("patches"))
        #expect(try download.integer("download_bytes") == download.integer("route_bytes"))
        #expect(try download.integer("route_bytes") < download.integer("compressed_bytes"))
        #expect(try origin.host.change("upgrade", "--check").text.contains("patches of this and earlier releases"))
        #expect(try upgrade().integer("downloaded_bytes") <= download.integer("route_bytes"))
    }

    @Test("a host whose release patches start from looks at no other release") func direct() throws {
        let origin = try HostileServerFixture(patchesFor: "2")
        _ = try origin.upgrade()
        #expect(origin.server.requests(of: try origin.manifestPath("1")).isEmpty)
        #expect(origin.server.requests(of: try origin.manifestPath("2")).isEmpty)
    }

    // MARK: releases in between that are not as they must be

    @Test("a release in between that was removed after the index was read is on no way") func removed() throws {
        for version in between { origin.server.set(.status(404), for: try origin.manifestPath(version)) }
        try expectNoRoute(nil)
    }

    @Test("a server that stalls on the way ends the search at the first release, and that is told") func stalled()
        throws
    {
        try origin.host.configure(["[Network]", "ConnectTimeoutSec=2", "StallTimeoutSec=1", "Attempts=2"])
        for version in between { origin.server.set(.stalled(after: 0), for: try origin.manifestPath(version)) }
        try expectNoRoute("cannot fetch")
        let asked = try between.flatMap { origin.server.requests(of: try origin.manifestPath($0)) }
        #expect(asked.count == 2, "as often as there are attempts for one")
    }

    @Test("a release in between that is removed while it is being used drops a rung") func removedLater() throws {
        for version in between { origin.server.set(.status(404), for: path("\(version).index")) }
        try expectNoRoute("the server answered 404")
    }

    @Test("a manifest in between that a stranger signed, or a revoked key, is on no way", arguments: [true, false])
    func forgedManifest(_ isRevoked: Bool) async throws {
        let signer = try isRevoked ? origin.retired : PrivateKey.generate()
        if isRevoked { try origin.writeTrustedKey("retired.pem", "") }
        var index = try origin.origin.index(channel: origin.channel, architecture: origin.architecture)
        for place in index.releases.indices where between.contains(index.releases[place].version.text) {
            let manifest = try origin.manifest(index.releases[place].version.text)
            let signed = try await Envelope.seal(
                manifest.encode(), type: ReleaseManifest.payloadType, signers: [.key(signer)])
            index.releases[place] = ChannelIndex.Entry(manifest, signed: signed)
            origin.server.set(.content(signed), for: try origin.manifestPath(manifest.version.text))
        }
        try await origin.serve(index)
        let fetched = try origin.host.changeJSON("upgrade").fields("fetched")
        #expect(try through(fetched) == [] && fetched.integer("whole") > 10)
        for version in between { #expect(origin.server.requests(of: path("\(version).index")).isEmpty) }
        try origin.expectNothingElse(["1", "6"])
    }

    @Test(
        "a manifest in between that was damaged on the way is not read", arguments: ["flipped", "of another release"])
    func damagedManifest(_ fault: String) throws {
        for version in between {
            let other = try origin.served(origin.manifestPath("5"))
            origin.server.set(
                fault == "flipped" ? .flipped(at: 300) : .content(other), for: try origin.manifestPath(version))
        }
        try expectNoRoute(nil)
        #expect(origin.server.requests(of: path("3.index")).isEmpty)
    }

    @Test(
        "an index in between that is forged, cut, or another release's is not read",
        arguments: ["flipped", "cut", "of release 5", "endless"])
    func badIndex(_ fault: String) throws {
        for version in between {
            let bytes = try origin.served(path("\(version).index"))
            let behaviour: ServerBehaviour =
                switch fault {
                case "flipped": .flipped(at: 40)
                case "cut": .content(bytes.dropLast())
                case "endless": .endless
                default: .content(try origin.served(path("5.index")))
                }
            origin.server.set(behaviour, for: path("\(version).index"))
        }
        try expectNoRoute("")
        #expect(
            origin.server.requests(of: path("3.pool")).isEmpty && origin.server.requests(of: path("4.pool")).isEmpty)
    }

    @Test(
        "a pool in between that is missing, cut, another release's, or comes as wrong ranges makes nothing wrong",
        arguments: ["missing", "cut", "other", "shifted", "lying", "ofOtherSize", "changed"])
    func badPool(_ fault: String) throws {
        for version in between {
            let pool = path("\(version).pool")
            let bytes = try origin.served(pool)
            let behaviour: ServerBehaviour =
                switch fault {
                case "missing": .status(404)
                case "cut": .content(bytes.dropLast())
                case "other": .content(try origin.served(path("5.pool")))
                case "shifted": .range(.shifted(1))
                case "lying": .range(.lying(-1))
                case "ofOtherSize": .range(.ofOtherSize)
                default: .content(Array(bytes.reversed()))
                }
            origin.server.set(behaviour, for: pool)
        }
        let fetched = try upgrade()
        #expect(try fetched.integer("passing_objects") == 0)
        #expect(try fetched.integer("whole") > 10 && !fetched.string("patch_failure").isEmpty)
    }

    @Test("a server without ranges may send the pools whole, within what that saves") func noRanges() throws {
        for version in between + ["6"] { origin.server.set(.ignoringRange, for: path("\(version).pool")) }
        _ = try upgrade()
    }

    // MARK: interruptions

    @Test(
        "killed on the way through other releases, the next run completes, and nothing of them stays",
        arguments: [
            "patches.after-route-indexes", "patches.after-folders", "patches.after-passing", "patches.object:3",
            "patches.after-route-step",
            "patches.after-route", "fetch.before-discard", "fetch.after-objects", "patches.before-full-pack",
        ])
    func killed(_ point: String) throws {
        let result = try origin.host.onSysroot("upgrade", environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(result.errorText)")
        try origin.host.expectAgreement(["1"])
        _ = try upgrade()
    }

    @Test("what a killed run made of other releases is removed by cleanup", arguments: ["patches.after-route-step"])
    func cleanup(_ point: String) throws {
        _ = try origin.host.onSysroot("upgrade", environment: ["HOSTCTL_FAULT_POINT": point])
        try origin.host.change("cleanup")
        try origin.expectNothingElse(["1"])
    }

    @Test("what a killed run made of other releases does not count as a part of the download") func space() throws {
        _ = try origin.host.onSysroot("upgrade", environment: ["HOSTCTL_FAULT_POINT": "patches.after-route-step"])
        let file = origin.host.sysroot.paths.state.appending("download/passing")
        let names = String(decoding: try Files.read(file, limit: 1 << 20), as: UTF8.self).split(separator: "\n")
        var needed = Set<String>()
        try origin.origin.store.forEachObject(of: origin.commit("6")) { needed.insert("\($0)") }
        #expect(!names.isEmpty && names.allSatisfy { !needed.contains(String($0)) })
    }

    @Test("a route that is of no use any more leaves nothing in the store") func abandoned() throws {
        _ = try origin.host.onSysroot("upgrade", environment: ["HOSTCTL_FAULT_POINT": "patches.after-route-step"])
        for version in 2...6 { origin.server.set(.status(404), for: path("\(version).index")) }
        _ = try upgrade()
    }
}
