import TestSupport
import Testing

/// The main line of work, with the stock tools looking on.
@Suite struct CommandTests {
    @Test("install, upgrade, rollback, pin: after each step the stock tools agree")
    func mainLine() throws {
        let host = try HostFixture(releases: ["1", "2", "3"])
        try host.expectAgreement(["1"])
        try host.change("upgrade")
        try host.expectAgreement(["3", "1"])
    }
}
