import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import Transfers

/// Redirects between encrypted and plain connections.
@Suite struct RedirectTests {
    private let fixture: TransferFixture
    private let certificates: TestCertificates

    init() throws {
        fixture = try TransferFixture(size: 50_000)
        certificates = try TestCertificates(in: fixture.folder.path)
    }

    private var connection: Connection {
        var options = TransferFixture.impatient()
        options.network.authorities = certificates.authority.string
        return Connection(options)
    }

    private func encrypted(redirectingTo address: String) throws -> Nginx {
        try Nginx(
            serving: fixture.folder.path, certificates: certificates,
            lines: ["location /away/ { return 301 \(address); }"])
    }

    @Test("from https to http is refused") func downgrade() throws {
        let nginx = try encrypted(redirectingTo: fixture.url)
        let url = "\(nginx.url)/away/"
        #expect(throws: TransferError.redirected(url: url)) { try connection.bytes(of: url, limit: 1 << 20) }
        #expect(fixture.server.requests.isEmpty)
    }

    @Test("from http over https back to http is refused, whatever the first address was") func chain() throws {
        let nginx = try encrypted(redirectingTo: fixture.url)
        fixture.server.set(.redirected(to: "\(nginx.url)/away/"), for: "start")
        let url = fixture.server.url(of: "start")
        #expect(throws: TransferError.redirected(url: url)) { try connection.bytes(of: url, limit: 1 << 20) }
        #expect(fixture.server.requests.map(\.path) == ["start"])
    }

    @Test("from http to https is followed, also with half of the file already here") func upgrade() throws {
        let nginx = try encrypted(redirectingTo: fixture.url)
        fixture.server.set(.redirected(to: "\(nginx.url)/\(TransferFixture.path)"), for: "start")
        let url = fixture.server.url(of: "start")
        #expect(try fixture.isContent(connection.bytes(of: url, limit: 1 << 20)))
        let sink = CollectingSink(resumes: true, having: Array(fixture.content.prefix(20_000)))
        try connection.get(url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
        #expect(sink.restarts == 0)
        #expect(try nginx.accessLog.contains(" 206 30000 "))
    }

    @Test(
        "relative addresses of all kinds are understood",
        arguments: ["/objects/file", "file", "../objects/file", "file?query", "//HOST/objects/file"])
    func relative(_ address: String) throws {
        let host = String(fixture.server.url.dropFirst("http://".count))
        fixture.server.set(.redirected(to: address.replacing("HOST", with: host)), for: "objects/old")
        fixture.server.set(.content([7]), for: "objects/file?query")
        let bytes = try connection.bytes(of: fixture.server.url(of: "objects/old"), limit: 1 << 20)
        #expect(address.contains("?") ? bytes == [7] : fixture.isContent(bytes))
    }

    @Test("a redirect's page may be larger than the file, of which no more bytes come for it") func largePage() throws {
        fixture.server.set(.content([7]), for: "new")
        fixture.server.set(.redirected(to: "/new", page: 300), for: "old")
        let url = fixture.server.url(of: "old")
        #expect(try connection.bytes(of: url, limit: 100) == [7])
        fixture.server.set(.content([UInt8](repeating: 7, count: 101)), for: "new")
        #expect(throws: TransferError.tooLarge(url: url, limit: 100)) { try connection.bytes(of: url, limit: 100) }
        fixture.server.set(.redirected(to: "/new", page: 2 << 20), for: "old")
        #expect(throws: TransferError.tooLarge(url: url, limit: 100)) { try connection.bytes(of: url, limit: 100) }
    }

    @Test("a redirect without an address is an answer that is no file") func nowhere() throws {
        fixture.set(.status(302))
        #expect(fixture.failure() == .refused(url: fixture.url, status: 302))
    }
}
