import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Upgrades through proxies, with passwords and certificates, and from mirrors.
@Suite struct NetworkSettingsTests {
    private let host: HostFixture
    private let origin: ScriptedServer

    init() throws {
        host = try HostFixture()
        origin = try ScriptedServer(serving: host.origin)
        try host.follow(origin.url)
    }

    private func upgrade(_ lines: String..., environment: [String: String] = [:]) throws -> ProcessResult {
        try host.configure(["[Network]", "ConnectTimeoutSec=2", "StallTimeoutSec=1", "Attempts=2"] + lines)
        return try host.onSysroot("upgrade", "--progress", "none", environment: environment)
    }

    private func expectUpgraded(_ result: ProcessResult, sourceLocation: SourceLocation = #_sourceLocation) throws {
        expect(result, 0, sourceLocation: sourceLocation)
        try host.expectAgreement(["2", "1"], sourceLocation: sourceLocation)
    }

    // MARK: mirrors

    @Test("with a mirror, the origin is asked for the index alone") func mirror() throws {
        let mirror = try ScriptedServer(serving: host.origin)
        try expectUpgraded(upgrade("Mirrors=\(mirror.url)"))
        #expect(origin.requests.count == 1)
        #expect(mirror.requests.count > 10)
    }

    @Test(
        "an origin that is down stops nothing while a mirror works", arguments: [true, false])
    func originDown(_ isDown: Bool) throws {
        let mirror = try ScriptedServer(serving: host.origin)
        if isDown { origin.breakDown(after: 0) } else { origin.breakDown(after: 1) }
        try expectUpgraded(upgrade("Mirrors=\(mirror.url)"))
    }

    @Test("a mirror that dies in the middle is replaced by the next, file by file, and not asked for each")
    func diesInTheMiddle() throws {
        let first = try ScriptedServer(serving: host.origin)
        let second = try ScriptedServer(serving: host.origin)
        first.breakDown(after: 4)
        let result = try upgrade("Mirrors=\(first.url) \(second.url)")
        try expectUpgraded(result)
        // Eight connections, and libcurl itself asks once more when an open connection is closed under it.
        #expect(first.requests.count <= 4 + 2 * 8)
        #expect(second.requests.count > 5)
        #expect(origin.requests.count == 1)
        #expect(result.errorText.contains("\(first.url) is left out for now"))
    }

    @Test("a stale mirror neither hides the release nor is asked for its files") func stale() throws {
        let old = host.sysroot.beside("old")
        #expect(try run(["/bin/cp", "-a", host.origin.string, old.string]).status == 0)
        try host.publish("3")
        let mirror = try ScriptedServer(serving: old)
        expect(try upgrade("Mirrors=\(mirror.url)"), 0, "is behind the others")
        try host.expectAgreement(["3", "1"])
        #expect(mirror.requests.count == 1)
    }

    @Test("a mirror whose every object is wrong is left out after the first, and the origin's are taken") func lies()
        throws
    {
        let folder = host.sysroot.beside("lies")
        #expect(try run(["/bin/cp", "-a", host.origin.string, folder.string]).status == 0)
        let spoil = "find '\(folder)/store/objects' -name '*.filez' -exec sh -c 'printf x >> \"$1\"' - {} ';'"
        #expect(try run(["/bin/sh", "-c", spoil]).status == 0)
        let mirror = try ScriptedServer(serving: folder)
        let result = try upgrade("Mirrors=\(mirror.url)")
        try expectUpgraded(result)
        #expect(result.errorText.contains("it sent something else than it should"))
        #expect(mirror.requests.count { $0.path.hasSuffix(".filez") } <= 8)
    }

    @Test("a mirror whose index, manifest, commit or signatures are wrong stops nothing", arguments: 0...3)
    func liesInMetadata(_ which: Int) throws {
        let mirror = try ScriptedServer(serving: host.origin)
        let commit = try host.commit("2")
        let object = "store/objects/\(commit.prefix(2))/\(commit.dropFirst(2)).commit"
        let releases = "releases/lean-host/stable/x86_64"
        let path = ["\(releases)/index.json", "\(releases)/2.json", object, "\(object)meta"][which]
        mirror.set(.content(Array("{}".utf8)), for: path)
        let result = try upgrade("Mirrors=\(mirror.url)")
        try expectUpgraded(result)
        #expect(result.errorText.contains("\(mirror.url) is left out for now"))
    }

    @Test("a mirror that hangs costs its time once for each connection, not for each file") func hangs() throws {
        let mirror = try ScriptedServer(serving: host.origin)
        for file in try originFiles() { mirror.set(.stalled(after: 0), for: file) }
        let start = ContinuousClock.now
        try expectUpgraded(upgrade("Mirrors=\(mirror.url)"))
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(mirror.requests.count == 1)
    }

    private func originFiles() throws -> [String] {
        let found = try run(["/usr/bin/find", host.origin.string, "-type", "f", "-printf", "%P\\n"])
        return found.text.split(separator: "\n").map(String.init)
    }

    @Test("a mirror in a folder works, too") func folder() throws {
        origin.breakDown(after: 1)
        try expectUpgraded(upgrade("Mirrors=file://\(host.origin)"))
    }

    @Test("mirrors are those of the origin that is followed, not of another one") func otherOrigin() throws {
        let mirror = try ScriptedServer(serving: host.origin)
        try host.configure(["[Network]", "Mirrors=\(mirror.url)"])
        try host.change("switch", HostFixture.channel, "--origin", host.address)
        #expect(mirror.requests.isEmpty)
        try host.expectAgreement(["2", "1"])
    }

    // MARK: proxies

    @Test("a proxy in the settings counts instead of the environment's") func proxy() throws {
        let squid = try Squid()
        try expectUpgraded(upgrade("Proxy=\(squid.url)", environment: ["http_proxy": "http://127.0.0.1:1"]))
        #expect(waitUntil { (try? squid.accessLog.contains("index.json")) == true })
    }

    @Test("without a setting the environment's proxy counts, with its password, and no_proxy with it")
    func environment() throws {
        let squid = try Squid(login: ("me", "s3cret"))
        let address = squid.url.replacing("http://", with: "http://me:s3cret@")
        expect(try upgrade(environment: ["http_proxy": "http://127.0.0.1:1"]), 5)
        try expectUpgraded(upgrade(environment: ["http_proxy": address]))
        #expect(waitUntil { (try? squid.accessLog.contains(" me ")) == true })
        try host.publish("3")
        expect(try upgrade(environment: ["http_proxy": "http://127.0.0.1:1", "no_proxy": "127.0.0.1"]), 0)
    }

    @Test("Proxy=none goes around the environment's") func none() throws {
        try expectUpgraded(upgrade("Proxy=none", environment: ["http_proxy": "http://127.0.0.1:1"]))
    }

    @Test("a proxy's password comes from auth.conf, and a wrong one is told without it") func proxyPassword() throws {
        let squid = try Squid(login: ("me", "s3cret"))
        try host.write("etc/hostctl/auth.conf", "machine \(squid.url) login me password wr0ng\n", mode: 0o600)
        let result = try upgrade("Proxy=\(squid.url)")
        expect(result, 5, "the proxy answered 407")
        #expect(!result.errorText.contains("wr0ng"))
        #expect(
            try !host.sysroot.read("ostree/hostctl/failure.json").contains("wr0ng"))
        try host.write("etc/hostctl/auth.conf", "machine \(squid.url) login me password s3cret\n", mode: 0o600)
        try expectUpgraded(upgrade("Proxy=\(squid.url)"))
    }

    // MARK: who this host is

    @Test("a server with user, password and client certificate is reached with all of them from the settings")
    func everything() throws {
        let certificates = try TestCertificates(in: host.sysroot.folder)
        let hashed = try run(["/usr/bin/openssl", "passwd", "-apr1", "s3cret"]).text
        let users = host.sysroot.beside("users")
        try Files.replace(users, with: Array("me:\(hashed)".utf8))
        let nginx = try Nginx(
            serving: host.origin, certificates: certificates,
            lines: [
                "auth_basic test;", "auth_basic_user_file \(users);", "ssl_verify_client on;",
                "ssl_client_certificate \(certificates.authority);",
            ])
        try host.follow(nginx.url)
        for (name, file) in [
            ("ca.crt", certificates.authority), ("host.crt", certificates.client.certificate),
            ("host.key", certificates.client.key),
        ] {
            try host.write(
                "etc/pki/\(name)", String(decoding: Files.read(file, limit: 1 << 16), as: UTF8.self), mode: 0o600)
        }
        // Paths are those of the host that the settings belong to, not of this one.
        let lines = [
            "CertificateAuthorities=/etc/pki/ca.crt", "ClientCertificate=/etc/pki/host.crt",
            "ClientKey=/etc/pki/host.key",
        ]
        expect(try upgrade(lines[0]), 5, "answered 400")
        expect(try upgrade(lines[0], lines[1], lines[2]), 5, "answered 401")
        try host.write("etc/hostctl/auth.conf", "machine \(nginx.url) login me password s3cret\n", mode: 0o644)
        expect(try upgrade(lines[0], lines[1], lines[2]), 1, "auth.conf holds a secret")
        try host.write("etc/hostctl/auth.conf", "machine \(nginx.url) login me password s3cret\n", mode: 0o600)
        try expectUpgraded(upgrade(lines[0], lines[1], lines[2]))
    }

    @Test("a password that systemd hands to the service is used") func systemdCredential() throws {
        let hashed = try run(["/usr/bin/openssl", "passwd", "-apr1", "s3cret"]).text
        let users = host.sysroot.beside("users")
        try Files.replace(users, with: Array("me:\(hashed)".utf8))
        let nginx = try Nginx(
            serving: host.origin, lines: ["auth_basic test;", "auth_basic_user_file \(users);"])
        try host.follow(nginx.url)
        let folder = try TemporaryFolder()
        try folder.write("hostctl.auth", text: "machine \(nginx.url) login me password s3cret\n", mode: 0o400)
        expect(try upgrade(), 5, "answered 401")
        try expectUpgraded(upgrade(environment: ["CREDENTIALS_DIRECTORY": folder.path.string]))
    }

    @Test("a file of passwords that is named and missing is an error") func missingCredentials() throws {
        let place = try host.folder().appending("etc/secret")
        expect(try upgrade("Credentials=/etc/secret"), 1, place.string)
        try host.expectAgreement(["1"])
    }
}
