import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import Transfers

/// Addresses, schemes and redirects.
@Suite struct AddressTests {
    private let fixture: TransferFixture

    init() throws { fixture = try TransferFixture() }

    @Test(
        "what is no http, https or file address is refused",
        arguments: [
            "", "file", "/etc/passwd", "ftp://127.0.0.1/x", "scp://127.0.0.1/x", "gopher://127.0.0.1/", "file://host/x",
            "HTTP://127.0.0.1/", "//127.0.0.1/x",
        ])
    func otherSchemes(_ url: String) {
        let error = #expect(throws: TransferError.self) { try fixture.connection().bytes(of: url, limit: 10) }
        #expect(error == .unusable(url: url))
    }

    @Test(
        "spaces, control and other characters that need an escape are refused",
        arguments: ["a b", "a\nb", "a\r\nHost: x", "a\tb", "a\u{0}b", "a\u{7F}b", "ü"])
    func characters(_ name: String) {
        let url = fixture.server.url(of: name)
        let error = #expect(throws: TransferError.self) { try fixture.connection().bytes(of: url, limit: 10) }
        #expect(error == .unusable(url: url))
        #expect(fixture.server.requests.isEmpty)
    }

    @Test(
        "an address that is malformed behind its scheme is refused",
        arguments: ["http://", "http://[::1", "http://a:99999/"])
    func malformed(_ url: String) {
        let error = #expect(throws: TransferError.self) { try fixture.connection().bytes(of: url, limit: 10) }
        #expect(error == .unusable(url: url))
    }

    @Test(
        "a password in an address is in no error",
        arguments: [
            "http://user:secret@127.0.0.1:1/a@b", "http://user:secret@127.0.0.1:1/a b", "http://u:secret@[::1/",
        ])
    func password(_ url: String) throws {
        let error = #expect(throws: TransferError.self) {
            try fixture.connection(attempts: 1).bytes(of: url, limit: 10)
        }
        let reason = try #require(error?.reason)
        #expect(!reason.contains("secret") && !reason.contains("u:"), "\(reason)")
        if url.hasSuffix("a@b") { #expect(reason.contains("http://127.0.0.1:1/a@b")) }
    }

    @Test("a file address works, with the same limit") func file() throws {
        let url = "file://\(fixture.folder.path)/\(TransferFixture.path)"
        let connection = fixture.connection()
        #expect(try fixture.isContent(connection.bytes(of: url, limit: 1 << 20)))
        let error = #expect(throws: TransferError.self) { try connection.bytes(of: url, limit: 1000) }
        #expect(error == .tooLarge(url: url, limit: 1000))
    }

    @Test("a missing file behind a file address is missing") func missingFile() throws {
        let url = "file://\(fixture.folder.path)/none"
        let error = #expect(throws: TransferError.self) { try fixture.connection().bytes(of: url, limit: 1000) }
        #expect(error?.isMissing == true)
    }

    @Test("a file address is resumed, too") func resumedFile() throws {
        let sink = CollectingSink(resumes: true, having: Array(fixture.content.prefix(1000)))
        try fixture.connection().get(
            "file://\(fixture.folder.path)/\(TransferFixture.path)", limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
    }

    @Test("a redirect is followed") func redirect() throws {
        fixture.server.set(.redirected(to: "/\(TransferFixture.path)"), for: "old")
        #expect(try fixture.isContent(fixture.connection().bytes(of: fixture.server.url(of: "old"), limit: 1 << 20)))
    }

    @Test("five redirects in a row are followed, a sixth is not") func redirectLimit() throws {
        for step in 0..<6 { fixture.server.set(.redirected(to: "/step\(step + 1)"), for: "step\(step)") }
        fixture.server.set(.content([1]), for: "step6")
        #expect(try fixture.connection().bytes(of: fixture.server.url(of: "step1"), limit: 10) == [1])
        let url = fixture.server.url(of: "step0")
        let error = #expect(throws: TransferError.self) { try fixture.connection().bytes(of: url, limit: 10) }
        #expect(error == .redirected(url: url))
    }

    @Test("a redirect in a circle ends, and is not tried again") func redirectLoop() throws {
        fixture.set(.redirected(to: "/\(TransferFixture.path)"))
        #expect(fixture.failure(attempts: 3) == .redirected(url: fixture.url))
        #expect(fixture.server.requests.count == 6)
    }

    @Test(
        "a redirect to another scheme is refused",
        arguments: ["ftp://127.0.0.1/x", "file:///etc/hostname", "gopher://127.0.0.1/", "dict://127.0.0.1/x"])
    func otherScheme(_ address: String) throws {
        fixture.set(.redirected(to: address))
        #expect(fixture.failure() == .redirected(url: fixture.url))
        #expect(fixture.server.requests.count == 1)
    }

    @Test("a redirect with a body that never ends is cut off") func endlessRedirect() throws {
        fixture.set(.endlessRedirect)
        #expect(fixture.failure(attempts: 1) != nil)
        // libcurl looks up after up to a hundred reads.
        #expect(fixture.server.requests[0].bytesSent < 128 << 20)
    }

    @Test("a server whose certificate nobody vouches for is not believed") func untrustedCertificate() throws {
        let key = fixture.folder.path.appending("key.pem").string
        let certificate = fixture.folder.path.appending("certificate.pem").string
        let made = try run(
            ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
                + ["-keyout", key, "-out", certificate])
        #expect(made.status == 0, "\(made.errorText)")
        let server = try ChildProcess(
            ["/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key", key, "-cert", certificate])
        var port: Substring?
        _ = waitUntil {
            let line = (try? server.outputSoFar())?.split(separator: "\n").first { $0.hasPrefix("ACCEPT") }
            port = line?.split(separator: ":").last
            return port != nil
        }
        let url = "https://127.0.0.1:\(try #require(port))/"
        let error = #expect(throws: TransferError.self) {
            try fixture.connection(attempts: 1).bytes(of: url, limit: 1 << 20)
        }
        guard case .unreachable(url, let detail) = error else {
            return #expect(Bool(false), "\(String(describing: error))")
        }
        #expect(detail.contains("certificate"))
    }
}
