import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// kill -9 while a release is published: clients see the old or the new one, and the next run completes it.
@Suite struct PublishKillTests {
    private static let points = [
        "publish.before-objects", "publish.object:1", "publish.object:5", "publish.after-objects", "store.before-sync",
        "store.before-lock", "store.before-commits", "store.after-commits", "publish.after-signatures",
        "publish.after-lease", "publish.after-manifest", "publish.before-index", "publish.after-index",
        "publish.after-ref", "publish.after-summary",
    ]

    /// One of each kind.
    private static let quickPoints = [
        "publish.object:5", "store.before-commits", "publish.after-signatures", "publish.before-index",
        "publish.after-index",
    ]

    @Test(
        "a publication killed anywhere is completed by running it again", arguments: isThorough ? points : quickPoints)
    func publish(_ point: String) throws { try killAndRepeat(at: point, mustBeReached: true) }

    @Test(
        "a publication killed while any file is replaced is completed by running it again",
        .enabled(if: isThorough, "takes a minute; left out of the quick run"),
        arguments: 1...10)
    func replacement(_ count: Int) throws {
        for place in ["replace.before-rename", "replace.after-rename"] {
            try killAndRepeat(at: "\(place):\(count)", mustBeReached: count <= 3)
        }
    }

    private func killAndRepeat(at point: String, mustBeReached: Bool) throws {
        let host = try HostFixture()
        try host.build(HostFixture.image("3"))
        let result = try host.hostctl(host.publication(), environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9) || !mustBeReached, "\(point) was not reached: \(result.errorText)")
        try host.sysroot.ostree("fsck", "--quiet", "--repo=\(host.origin)/store")
        let seen = try host.changeJSON("upgrade", "--check").string("version")
        #expect(["2", "3"].contains(seen))
        try host.change("upgrade")
        try host.expectAgreement([seen, "1"])

        try host.succeed(host.publication())
        try host.sysroot.ostree("fsck", "--quiet", "--repo=\(host.origin)/store")
        let ref = try host.sysroot.ostree("rev-parse", "--repo=\(host.origin)/store", HostFixture.ref)
        #expect(try ref.prefix(64) == host.commit("3"))
        try host.change("upgrade")
        #expect(try host.versions()[0] == "3")
        #expect(try Files.namesIfPresent(in: host.origin.appending(".staging")) == [])
    }

    @Test(
        "pruning killed before the objects go is completed by pruning again",
        arguments: ["prune.before-objects", "replace.after-rename:1"])
    func prune(_ point: String) throws {
        let host = try HostFixture(releases: ["1", "2", "3"])
        let arguments = ["release", "prune", host.origin.string, "--keep", "1", "--key", host.key.string]
        let result = try host.hostctl(arguments, environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(point) was not reached")
        try host.succeed(arguments)
        try host.sysroot.ostree("fsck", "--quiet", "--repo=\(host.origin)/store")
        let commits = try host.sysroot.ostree("refs", "--list", "--repo=\(host.origin)/store").split(separator: "\n")
        #expect(commits.count == 2, "\(commits)")
        try host.change("upgrade")
        try host.expectAgreement(["3", "1"])
    }
}
