import Checksums
import LinuxSystem
import ObjectFormats
import Releases
import Signatures
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

/// Well signed, but not what it is offered as.
@Suite struct HostileServerReleaseTests {
    private let origin: HostileServerFixture

    init() throws { origin = try HostileServerFixture() }

    /// Publishes release 7 of another channel in the same origin.
    private func publishTesting() throws -> (index: [UInt8], manifest: ReleaseManifest, signed: [UInt8]) {
        try origin.host.publish(HostFixture.image("7", channel: "lean-host/testing"))
        let folder = "releases/lean-host/testing/x86_64"
        let signed = try origin.served("\(folder)/7.json")
        return (
            try origin.served("\(folder)/index.json"),
            try ReleaseManifest(signed: signed, keys: .init(keys: [("release.pem", origin.key.publicKey)])), signed
        )
    }

    @Test("the index of another channel is refused") func otherIndex() throws {
        origin.server.set(.content(try publishTesting().index), for: origin.indexPath)
        try origin.expectUntrusted("the index is of lean-host/testing/x86_64, not of lean-host/stable/x86_64")
    }

    @Test("the manifest of another channel in this channel's index is refused") func otherManifest() async throws {
        let testing = try publishTesting()
        try await origin.offer(testing.signed, as: ChannelIndex.Entry(testing.manifest, signed: testing.signed))
        try origin.expectUntrusted("the manifest is of lean-host/testing/x86_64")
    }

    @Test("the commit of another channel in this channel's manifest is refused") func otherChannel() async throws {
        let testing = try publishTesting().manifest
        var manifest = try origin.manifest()
        manifest.commit = testing.commit
        manifest.version = testing.version
        manifest.timestamp = testing.timestamp
        try await origin.offer(manifest)
        try origin.expectUntrusted("the commit is lean-host/testing/x86_64 7")
    }

    @Test("a commit of another architecture is refused") func otherArchitecture() async throws {
        try await origin.offerCommit { commit in
            commit.metadata[Commit.Key.architecture] = .string("aarch64")
            commit.metadata[Commit.Key.refBinding] = .strings(["lean-host/stable/aarch64"])
        }
        try origin.expectUntrusted("the commit is lean-host/stable/aarch64")
    }

    @Test("a commit that is bound to another ref is refused") func otherBinding() async throws {
        try await origin.offerCommit { $0.metadata[Commit.Key.refBinding] = .strings(["lean-host/testing/x86_64"]) }
        try origin.expectUntrusted("not bound to the ref lean-host/stable/x86_64")
    }

    @Test("a commit that is no host image is refused") func noIdentity() async throws {
        try await origin.offerCommit { $0.metadata = [:] }
        try origin.expectUntrusted("names no version, channel and architecture")
    }

    @Test("a commit whose version would be a path is refused") func pathVersion() async throws {
        try await origin.offerCommit { $0.metadata[Commit.Key.version] = .string("../../etc") }
        try origin.expectUntrusted("'../../etc' is no valid version")
    }

    @Test("an old commit in a manifest of a newer version is refused", arguments: ["1", "2"])
    func oldCommitInNewManifest(_ deployed: String) async throws {
        try origin.host.change("upgrade", "--version", deployed)
        var manifest = try origin.manifest()
        manifest.version = try VersionName("9")
        manifest.timestamp += 100
        manifest.commit = try origin.commit("1")
        try await origin.offer(manifest)
        let result = try origin.host.onSysroot("upgrade")
        expect(
            result, 3,
            "the commit is lean-host/stable/x86_64 1, the manifest says lean-host/stable/x86_64 9")
        try origin.expectRecovery()
    }

    @Test("an older image under a newer version is refused as a downgrade") func olderImage() async throws {
        try await origin.offerCommit(version: "9") { commit in
            commit.metadata[Commit.Key.version] = .string("9")
            commit.timestamp = 1_500_000_000
        }
        try origin.expectUntrusted("the manifest says")
        var manifest = try origin.manifest()
        manifest.version = try VersionName("9")
        manifest.timestamp = 1_500_000_000
        manifest.commit = SHA256.hash([])
        try await origin.offer(manifest)
        let result = try origin.host.onSysroot("upgrade")
        expect(result, 3, "9 is older than the deployed 2")
        try origin.host.expectAgreement(["2", "1"])
    }

    @Test("the index of the past is refused") func replayedIndex() async throws {
        var past = try origin.origin.index(channel: origin.channel, architecture: origin.architecture)
        past.releases.removeLast()
        past.sequence = 0
        try origin.host.change("upgrade")
        try await origin.serve(past)
        let before = try origin.state()
        let result = try origin.host.onSysroot("upgrade")
        #expect(result.status == 3, "\(result.text)\(result.errorText)")
        #expect(try origin.state() == before)
        try origin.host.publish("3")
        try origin.expectRecovery(["3", "2"])
    }

    @Test("an old index is refused although its newest release is the deployed one: it would hide a later one")
    func staleIndex() async throws {
        try origin.host.change("upgrade")
        var past = try origin.origin.index(channel: origin.channel, architecture: origin.architecture)
        past.sequence -= 2  // served under the next number
        try await origin.serve(past)
        let result = try origin.host.onSysroot("upgrade")
        #expect(result.status == 3, "\(result.text)\(result.errorText)")
        #expect(result.errorText.contains("which this host has seen already"))
    }

    @Test("a manifest that is not the one in the index is refused") func swappedManifest() throws {
        origin.server.set(.content(try origin.served(origin.manifestPath("1"))), for: try origin.manifestPath())
        try origin.expectUntrusted("another checksum than the index says")
    }

    @Test("a release for a later hostctl is refused in words, before its objects") func tooNew() async throws {
        var manifest = try origin.manifest()
        manifest.minimumHostctl = "99.0"
        try await origin.offer(manifest)
        try origin.expectFailure(1, "needs hostctl 99.0")
    }

    @Test("a release that needs more space than there is is refused before the first write") func noSpace() async throws
    {
        var manifest = try origin.manifest()
        manifest.full.bytes = 1 << 49
        manifest.since = [:]
        try await origin.offer(manifest)
        try origin.expectFailure(4, "not enough space")
    }

    @Test("objects beyond the size that was signed are refused") func liesAboutSize() async throws {
        var manifest = try origin.manifest()
        manifest.full.bytes = 1
        manifest.since = [:]
        try await origin.offer(manifest)
        try origin.expectFailure(3, "damaged")
    }

    @Test("a channel without releases, or without an index, is unknown") func noChannel() async throws {
        origin.server.set(.status(404), for: origin.indexPath)
        try origin.expectFailure(1, "no release on the channel lean-host/stable")
    }
}
