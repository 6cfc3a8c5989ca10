import Deployments
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import TestSupport
import Testing

/// What keeps stock tools off deployments that boot by our entries.
@Suite(.enabled(if: geteuid() == 0)) struct PartitionGuardTests {
    @Test("a deployment without the mark gets it with the next upgrade, and a pin stays a pin") func marked() throws {
        let host = try PartitionFixture.running()
        let listed = host.report.listed
        let text = "[origin]\nrefspec=\(TestImage.ref)\n"
        for record in listed {
            try Files.replace(
                host.paths.origin(of: record.name),
                with: Array((text + (record.index == 1 ? "\n[libostree-transient]\npinned=true\n" : "")).utf8))
        }
        #expect(host.report.listed.map(\.isGuarded) == [false, false])
        try host.deploy("3")
        #expect(host.report.listed.map(\.isGuarded) == [true, false])
        #expect(host.report.listed.map(\.isPinned) == [false, true])
        #expect(host.report.listed.map(\.bootChecksum) == listed.map(\.bootChecksum))
        #expect(host.report.allProblems == [])
    }
}
