import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Transfers

/// Who is told which password, and who shows which certificate.
@Suite struct CredentialTests {
    private let fixture: TransferFixture

    init() throws { fixture = try TransferFixture(size: 10_000) }

    private func options(_ entries: String...) throws -> TransferOptions {
        var options = TransferFixture.impatient()
        let file = try fixture.folder.write("auth.conf", text: entries.joined(separator: "\n"), mode: 0o600)
        options.network.credentials = try ServerCredentials(reading: file)
        return options
    }

    /// `me:s3cret`.
    private static let header = "Basic bWU6czNjcmV0"

    @Test("a server that is named without a scheme gets no password over plain http") func plain() throws {
        let host = fixture.server.url.dropFirst("http://".count)
        let connection = Connection(try options("machine \(host) login me password s3cret"))
        _ = try connection.bytes(of: fixture.url, limit: 1 << 20)
        #expect(fixture.server.requests.map(\.authorization) == [nil])
    }

    @Test("a server that is named with http:// gets it") func named() throws {
        let connection = Connection(try options("machine \(fixture.server.url) login me password s3cret"))
        _ = try connection.bytes(of: fixture.url, limit: 1 << 20)
        #expect(fixture.server.requests.map(\.authorization) == [Self.header])
    }

    @Test("another port of the same host gets nothing, also after a redirect, even with an entry of its own")
    func redirect() throws {
        let other = try ScriptedServer(serving: fixture.folder.path)
        fixture.server.set(.redirected(to: other.url(of: TransferFixture.path)), for: "old")
        let connection = Connection(
            try options(
                "machine \(fixture.server.url) login me password s3cret",
                "machine \(other.url) login me password s3cret"))
        #expect(try fixture.isContent(connection.bytes(of: fixture.server.url(of: "old"), limit: 1 << 20)))
        #expect(fixture.server.requests.map(\.authorization) == [Self.header])
        #expect(other.requests.map(\.authorization) == [nil])
        _ = try connection.bytes(of: fixture.url, limit: 1 << 20)
        #expect(fixture.server.requests.map(\.authorization) == [Self.header, Self.header])
    }

    @Test("a redirect to an address with a password in it is not followed") func redirectWithPassword() throws {
        let other = try ScriptedServer(serving: fixture.folder.path)
        fixture.set(.redirected(to: other.url(of: "x").replacing("http://", with: "http://you:evil@")))
        #expect(fixture.failure() == .redirected(url: fixture.url))
        #expect(other.requests.isEmpty)
    }

    @Test("a password in an address is refused before anybody is asked") func passwordInAddress() throws {
        let url = fixture.url.replacing("http://", with: "http://me:s3cret@")
        let error = #expect(throws: TransferError.self) { try fixture.connection().bytes(of: url, limit: 10) }
        #expect(error == .passwordInAddress(url: fixture.url))
        #expect(fixture.server.requests.isEmpty)
    }

    @Test("a real server that asks for user and password gets them, and refuses others") func nginx() throws {
        let certificates = try TestCertificates(in: fixture.folder.path)
        let hashed = try run(["/usr/bin/openssl", "passwd", "-apr1", "s3cret"]).text
        let users = try fixture.folder.write("users", text: "me:\(hashed)")
        let nginx = try Nginx(
            serving: fixture.folder.path, certificates: certificates,
            lines: ["auth_basic test;", "auth_basic_user_file \(users);"])
        let url = "\(nginx.url)/\(TransferFixture.path)"
        for (password, isRight) in [("s3cret", true), ("other", false)] {
            var options = try options("machine \(nginx.url) login me password \(password)")
            options.network.authorities = certificates.authority.string
            let connection = Connection(options)
            if isRight {
                #expect(try fixture.isContent(connection.bytes(of: url, limit: 1 << 20)))
            } else {
                let error = #expect(throws: TransferError.self) { try connection.bytes(of: url, limit: 1 << 20) }
                #expect(error == .refused(url: url, status: 401))
                #expect(error?.advice?.contains("auth.conf") == true)
            }
        }
    }

    @Test("a client certificate is shown to the server that is asked, and not to one that it redirects to")
    func clientCertificate() throws {
        let certificates = try TestCertificates(in: fixture.folder.path)
        let strict = ["ssl_client_certificate \(certificates.authority);", "ssl_verify_client on;"]
        let second = try Nginx(serving: fixture.folder.path, certificates: certificates, lines: strict)
        let first = try Nginx(
            serving: fixture.folder.path, certificates: certificates,
            lines: strict + ["location /away/ { return 302 \(second.url)/\(TransferFixture.path); }"])
        var options = TransferFixture.impatient()
        options.network.authorities = certificates.authority.string
        let url = "\(first.url)/\(TransferFixture.path)"
        let error = #expect(throws: TransferError.self) { try Connection(options).bytes(of: url, limit: 1 << 20) }
        #expect(error == .refused(url: url, status: 400))
        options.network.identity = try NetworkOptions.Identity(
            certificate: certificates.client.certificate.string, key: certificates.client.key.string)
        let connection = Connection(options)
        #expect(try fixture.isContent(connection.bytes(of: url, limit: 1 << 20)))
        #expect(throws: TransferError.refused(url: "\(first.url)/away/", status: 400)) {
            try connection.bytes(of: "\(first.url)/away/", limit: 1 << 20)
        }
        #expect(try fixture.isContent(connection.bytes(of: url, limit: 1 << 20)))
    }

    @Test(
        "a secret that others can read, or that is no file, is refused",
        arguments: [0o640, 0o604, 0o660, 0o644] as [UInt32])
    func exposed(_ mode: UInt32) throws {
        let path = try fixture.folder.write("auth.conf", text: "machine a login b password c", mode: mode)
        #expect(throws: TransferError.exposedSecret(path: path.string)) { try ServerCredentials(reading: path) }
        #expect(throws: TransferError.exposedSecret(path: path.string)) {
            try NetworkOptions.Identity(certificate: path.string, key: path.string)
        }
        #expect(throws: TransferError.exposedSecret(path: "/tmp")) { try ServerCredentials(reading: "/tmp") }
    }

    @Test("a secret that belongs to another user is refused", .enabled(if: geteuid() == 0)) func foreign() throws {
        let path = try fixture.folder.write("auth.conf", text: "machine a login b password c", mode: 0o600)
        #expect(chown(path.string, 12345, 0) == 0)
        #expect(throws: TransferError.exposedSecret(path: path.string)) { try ServerCredentials(reading: path) }
    }

    @Test("entries over several lines, comments, ports, and the first of two") func entries() throws {
        let text = """
            # updates
            machine Updates.example.org
              login host7
              password s3cret
            machine https://updates.example.org:8443/ login other password #hash
            machine updates.example.org login late password late
            machine http://[::1]:80 login six password colon:ized
            """
        let credentials = try ServerCredentials(parsing: text, place: "auth.conf")
        func login(_ url: String) throws -> String? {
            credentials.login(for: try #require(ServerName(url))).map { "\($0.user) \($0.password)" }
        }
        #expect(try login("https://updates.example.org/x") == "host7 s3cret")
        #expect(try login("https://updates.example.org:443") == "host7 s3cret")
        #expect(try login("https://UPDATES.example.org:8443/x") == "other #hash")
        #expect(try login("http://updates.example.org/") == nil)
        #expect(try login("https://updates.example.org:8444/") == nil)
        #expect(try login("https://updates.example.org.evil/") == nil)
        #expect(try login("http://[::1]/x") == "six colon:ized")
    }

    @Test(
        "a mistake is named with its line, and without what stands there",
        arguments: [
            ("machine a login b", 1), ("\nmachine a\nlogin", 3), ("login b password s3cret", 1),
            ("machine a/path login b password s3cret", 1), ("machine ftp://a login b password s3cret", 1),
            ("machine u:s3cret@a login b password c", 1), ("machine a login b password c\ndefault s3cret", 2),
            ("machine a login b password s3cret with spaces", 1),
        ])
    func mistakes(_ text: String, _ line: Int) throws {
        let error = #expect(throws: TransferError.self) { try ServerCredentials(parsing: text, place: "auth.conf") }
        #expect(error?.reason.contains("auth.conf:\(line) ") == true, "\(String(describing: error))")
        #expect(error?.description.contains("s3cret") == false)
    }
}
