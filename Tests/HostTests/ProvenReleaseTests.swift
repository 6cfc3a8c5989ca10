import Glibc
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// What a running host takes of its channel that has gone back from a release which had proved itself.
@Suite(.enabled(if: geteuid() == 0)) struct ProvenReleaseTests {
    private static let reason = "2 is older than 3, which has proved itself on this host"

    /// Runs 3, which was marked good, and boots 1 next.
    private func hostThatWentBack() throws -> BootedPartition {
        let host = try BootedPartition()
        expect(try host.hostctl("upgrade", "--version", "3"), 0)
        expect(try host.shutDown(), 0)
        try host.boot()
        expect(try host.hostctl("boot", "mark-good"), 0)
        expect(try host.hostctl("rollback"), 0)
        return host
    }

    @Test("a release between the two needs --allow-downgrade, by whatever way it comes") func between() throws {
        let host = try hostThatWentBack()
        let floors = try host.hostctl("status", "--json").json.fields("boots").objects("floors")
        #expect(try floors.map { try $0.string("version") } == ["3"])
        let ways: [[String]] = [
            [], ["--check"], ["--download-only"], ["--force"], ["--from", host.host.origin.string],
        ]
        for arguments in ways {
            let result = try host.hostctl(["upgrade", "--version", "2"] + arguments)
            expect(result, 3, Self.reason)
            #expect(result.errorText.contains("--allow-downgrade"))
        }
        #expect(try host.entries.count == 2)
        expect(try host.hostctl("upgrade", "--version", "2", "--download-only", "--allow-downgrade"), 0)
        expect(try host.hostctl("upgrade", "--from-downloaded"), 3, Self.reason)
        let taken = try host.hostctl("upgrade", "--from-downloaded", "--allow-downgrade")
        expect(taken, 0)
        #expect(taken.text.contains("2 is staged"))
        // What comes after it is taken without asking: the operator meant more than this one command.
        #expect(try BootRecords.load(host.paths).floor(of: HostFixture.channel)?.version == "2")
    }

    @Test("a release that is marked bad after it had proved itself keeps nothing out") func turnedBad() throws {
        let host = try hostThatWentBack()
        expect(try host.hostctl("boot", "mark-bad", "1"), 0)
        #expect(try BootRecords.load(host.paths).floors.isEmpty)
        expect(try host.hostctl("upgrade", "--version", "2", "--check"), 0)
    }

    @Test("what is deployed is refused to nobody: neither what boots next, nor the one that had proved itself")
    func deployed() throws {
        let host = try hostThatWentBack()
        expect(try host.hostctl("upgrade", "--version", "1", "--unchanged-exit-77"), 77)
        expect(try host.hostctl("upgrade", "--version", "3", "--check"), 0)
        expect(try host.hostctl("rollback"), 0)
        expect(try host.hostctl("rollback"), 0)
        expect(try host.hostctl("upgrade", "--version", "3"), 0)
    }

    @Test("another channel may be older, and the first one is remembered meanwhile") func otherChannel() throws {
        let host = try hostThatWentBack()
        try host.host.publish(HostFixture.image("2", channel: HostFixture.otherChannel))
        expect(try host.hostctl("switch", HostFixture.otherChannel), 0)
        expect(try host.hostctl("switch", HostFixture.channel, "--version", "2"), 3, Self.reason)
        expect(try host.hostctl("switch", HostFixture.channel), 0)
    }
}
