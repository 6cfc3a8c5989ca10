import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import Transfers

/// A real squid between client and server.
@Suite struct ProxyTests {
    private let fixture: TransferFixture

    init() throws { fixture = try TransferFixture(size: 100_000) }

    private func connection(
        _ proxy: NetworkOptions.Proxy, login: String? = nil, authorities: String? = nil
    ) throws -> Connection {
        var options = TransferFixture.impatient()
        options.network.proxy = proxy
        options.network.authorities = authorities
        if let login {
            let file = try fixture.folder.write("auth.conf", text: login, mode: 0o600)
            options.network.credentials = try ServerCredentials(reading: file)
        }
        return Connection(options)
    }

    @Test("what is fetched goes through the proxy") func plain() throws {
        let squid = try Squid()
        let connection = try connection(.server(squid.url, except: []))
        #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
        #expect(waitUntil { (try? squid.accessLog.contains("GET \(fixture.url)")) == true })
    }

    @Test("an encrypted connection goes through it as a tunnel, and the server's certificate still counts")
    func tunnel() throws {
        let certificates = try TestCertificates(in: fixture.folder.path)
        let nginx = try Nginx(serving: fixture.folder.path, certificates: certificates)
        let squid = try Squid()
        let url = "\(nginx.url)/\(TransferFixture.path)"
        do {
            let trusting = try connection(.server(squid.url, except: []), authorities: certificates.authority.string)
            #expect(try fixture.isContent(trusting.bytes(of: url, limit: 1 << 20)))
        }
        // Noted when the tunnel ends.
        #expect(waitUntil { (try? squid.accessLog.contains("CONNECT 127.0.0.1")) == true })
        let careful = try connection(.server(squid.url, except: []))
        let error = #expect(throws: TransferError.self) { try careful.bytes(of: url, limit: 1 << 20) }
        #expect(error?.reason.contains("certificate") == true)
    }

    @Test("a server that needs no proxy is asked directly", arguments: ["127.0.0.1", "127.0.0.0/8", "*"])
    func exceptions(_ exception: String) throws {
        let connection = try connection(.server("http://127.0.0.1:1", except: ["other.example", exception]))
        #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
    }

    @Test("a dead proxy is an error, and is not gone around") func dead() throws {
        let connection = try connection(.server("http://127.0.0.1:1", except: ["other.example"]))
        let error = #expect(throws: TransferError.self) { try connection.bytes(of: fixture.url, limit: 1 << 20) }
        guard case .unreachable = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(fixture.server.requests.isEmpty)
    }

    @Test("a proxy's user and password come from the file, and go to the proxy alone", arguments: [false, true])
    func login(_ isEncrypted: Bool) throws {
        let squid = try Squid(login: ("host7", "s3cret"))
        let entry = "machine \(squid.url) login host7 password s3cret\n"
        let proxy = NetworkOptions.Proxy.server(squid.url, except: [])
        if isEncrypted {
            let certificates = try TestCertificates(in: fixture.folder.path)
            let nginx = try Nginx(serving: fixture.folder.path, certificates: certificates)
            let connection = try connection(proxy, login: entry, authorities: certificates.authority.string)
            let url = "\(nginx.url)/\(TransferFixture.path)"
            #expect(try fixture.isContent(connection.bytes(of: url, limit: 1 << 20)))
        } else {
            let connection = try connection(proxy, login: entry)
            #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
            #expect(fixture.server.requests.map(\.authorization) == [nil])
        }
    }

    @Test("a proxy that refuses is named, once, without the password", arguments: [false, true])
    func wrongLogin(_ isEncrypted: Bool) throws {
        let squid = try Squid(login: ("host7", "s3cret"))
        let connection = try connection(
            .server(squid.url, except: []), login: "machine \(squid.url) login host7 password wrong-0ne\n")
        let url = isEncrypted ? "https://127.0.0.1:9/x" : fixture.url
        let error = #expect(throws: TransferError.self) { try connection.bytes(of: url, limit: 1 << 20) }
        #expect(error == .proxyRefused(url: url, status: 407))
        #expect(error?.description.contains("wrong-0ne") == false)
        #expect(waitUntil { (try? squid.accessLog.contains("/407 ")) == true })
        #expect(try squid.accessLog.split(separator: "\n").count { $0.contains("/407 ") } == 1)
    }
}
