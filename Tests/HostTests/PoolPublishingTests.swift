import LinuxSystem
import ObjectPatches
import Releases
import Signatures
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

/// The pools that publications leave in an origin.
@Suite struct PoolPublishingTests {
    private let host: HostFixture

    init() throws { host = try HostFixture(publishing: ["1"], installing: nil) }

    private func publish(_ version: String, patches: Int) throws {
        host.patches = patches
        try host.publish(version)
    }

    private func manifest(_ version: String) throws -> ReleaseManifest {
        let path = host.origin.appending("releases/\(HostFixture.ref)/\(version).json")
        let key = try PublicKey(reading: host.publicKey)
        return try ReleaseManifest(
            signed: Files.read(path, limit: ReleaseManifest.sizeLimit), keys: TrustedKeys(keys: [("key", key)]))
    }

    private func pools() throws -> [String] {
        try Files.namesIfPresent(in: host.origin.appending("patches/\(HostFixture.ref)"))
    }

    @Test("patches from seven releases: the manifest tells each, and an index that was lost is made again")
    func manyBases() throws {
        for version in 2...7 { try publish("\(version)", patches: 0) }
        try publish("8", patches: 7)
        let since = try manifest("8").since
        #expect(since.values.filter { $0.patchBytes != nil }.count == 7)

        let folder = host.origin.appending("patches/\(HostFixture.ref)")
        let index = try Files.read(folder.appending("8.index"), limit: PatchLimits.indexBytes)
        try Files.remove(folder.appending("8.index"))
        let again = try host.succeed(host.publication())
        #expect(again.text.contains("8.pool"), "\(again.text)")
        #expect(try Files.read(folder.appending("8.index"), limit: PatchLimits.indexBytes) == index)
    }

    @Test("a pool of a killed publication that is then done without patches does not stay", arguments: [false, true])
    func leftover(_ isFullPack: Bool) throws {
        (host.patches, host.fullPack) = (isFullPack ? 0 : 1, isFullPack)
        try host.build(HostFixture.image("2"))
        let result = try host.hostctl(
            host.publication(), environment: ["HOSTCTL_FAULT_POINT": "publish.before-index"])
        #expect(result.end == .signaled(9))
        #expect(try pools().count == 2)
        (host.patches, host.fullPack) = (0, false)
        try host.succeed(host.publication())
        #expect(try pools() == [])
    }
}
