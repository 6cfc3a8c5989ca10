import Glibc
import Sysroots
import TestSupport
import Testing
import TrustMetadata

/// What an operator is told of a factory reset that does not come about.
@Suite(.enabled(if: geteuid() == 0)) struct AbandonedResetTests {
    @Test("what discards or replaces a staged factory reset does not pass over it, and history tells it")
    func told() throws {
        let host = try BootedPartition()
        for command in [["rollback"], ["upgrade", "--version", "2"]] {
            expect(try host.hostctl("factory-reset", "--yes"), 0)
            expect(try host.hostctl("factory-reset", "--yes", "--keep", "/var/lib/app"), 1, "hostctl rollback")
            expect(try host.hostctl(command), 0, "warning: the factory reset to")
        }
        expect(try host.hostctl("rollback"), 0)
        expect(try host.hostctl("factory-reset", "--yes"), 0)
        // What nobody asked for does not take its place.
        let run = try host.hostctl("auto-update", "run", "--policy", "stage")
        expect(run, 0)
        #expect(run.text.contains("a factory reset begins with the next boot"), "\(run.text)")
        #expect(try StagedDeployment.load(host.paths)?.resetting != nil)
        expect(try host.hostctl("rollback"), 0, "warning: the factory reset to")
        let history = try host.hostctl("history").text
        #expect(history.contains("was given up; /var is the one from before it"))
        #expect(try host.hostctl("status", "--json").json.objects("problems").isEmpty)
        #expect(try ResetRecord.load(host.paths) == ResetRecord())
    }
}
