import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// An origin is a folder: any web server will do.
@Suite struct StaticServerHostTests {
    @Test("install and upgrade, to the same result from every server", arguments: StaticServer.Kind.allCases)
    func upgrade(_ kind: StaticServer.Kind) throws {
        let host = try HostFixture(installed: nil)
        let server = try StaticServer(kind, serving: host.origin)
        try host.install(version: "1", at: server.url)
        try host.expectAgreement(["1"])
        #expect(try host.changeJSON("upgrade", "--check").string("result") == "available")
        let answer = try host.changeJSON("upgrade")
        #expect(try answer.string("result") == "deployed")
        try host.expectAgreement(["2", "1"])
        #expect(try host.onSysroot("upgrade", "--unchanged-exit-77").status == 77)
        let examined = try host.onSysroot("doctor", "--network")
        #expect(examined.text.contains("ok       origin-answer"), "\(examined.text)")
        withExtendedLifetime(server) {}
    }

    @Test("a folder below the server's root is an origin, too", arguments: StaticServer.Kind.allCases)
    func below(_ kind: StaticServer.Kind) throws {
        let host = try HostFixture(installed: nil)
        let server = try StaticServer(kind, serving: host.origin.removingLastComponent())
        let name = host.origin.lastComponent?.string ?? ""
        try host.install(at: "\(server.url)/\(name)/")
        try host.expectAgreement(["2"])
        withExtendedLifetime(server) {}
    }
}
