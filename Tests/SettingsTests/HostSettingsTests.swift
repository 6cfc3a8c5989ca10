import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Settings

/// hostctl.conf as a value.
@Suite struct HostSettingsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func settings() throws -> HostSettings { try HostSettings(below: folder.path) }

    private func parse(_ lines: String...) throws -> HostSettings {
        try folder.write("etc/hostctl/hostctl.conf", text: lines.joined(separator: "\n"))
        return try settings()
    }

    private func mistake(_ lines: String...) throws -> SettingsError? {
        try folder.write("etc/hostctl/hostctl.conf", text: lines.joined(separator: "\n"))
        return #expect(throws: SettingsError.self) { try settings() }
    }

    @Test("a host without a file checks, and knows no proxy and no mirror") func defaults() throws {
        let settings = try settings()
        #expect(settings.policy == .check)
        #expect(settings.network == NetworkSettings())
        #expect(settings.warnings.isEmpty)
    }

    @Test("every key is read") func all() throws {
        let settings = try parse(
            "[Upgrade]", "Policy=stage", "[Network]", "Proxy=http://proxy.example:3128",
            "NoProxy=localhost .example.com",
            "NoProxy=10.0.0.0/8", "Mirrors=https://a.example/x https://b.example", "Mirrors=file:///srv/origin",
            "Credentials=/etc/secret", "ClientCertificate=/etc/pki/host.crt", "ClientKey=/etc/pki/host.key",
            "CertificateAuthorities=/etc/pki/ca.crt", "ConnectTimeoutSec=5", "StallTimeoutSec=1min 30s", "Attempts=2")
        var network = NetworkSettings()
        network.proxy = "http://proxy.example:3128"
        network.proxyExceptions = ["localhost", ".example.com", "10.0.0.0/8"]
        network.mirrors = ["https://a.example/x", "https://b.example", "file:///srv/origin"]
        network.credentials = "/etc/secret"
        network.requiresCredentials = true
        network.clientCertificate = "/etc/pki/host.crt"
        network.clientKey = "/etc/pki/host.key"
        network.certificateAuthorities = "/etc/pki/ca.crt"
        network.connectSeconds = 5
        network.stallSeconds = 90
        network.attempts = 2
        #expect(settings.policy == .stage)
        #expect(settings.network == network)
        #expect(settings.warnings.isEmpty)
    }

    @Test("the main file in /etc hides that in /usr/lib, and drop-ins of all folders come after it") func precedence()
        throws
    {
        try folder.write("usr/lib/hostctl/hostctl.conf", text: "[Upgrade]\nPolicy=reboot\n[Network]\nAttempts=9")
        #expect(try settings().policy == .reboot)
        try folder.write("etc/hostctl/hostctl.conf", text: "[Upgrade]\nPolicy=off")
        #expect(try settings().policy == .off)
        #expect(try settings().network.attempts == 5)
        try folder.write("usr/lib/hostctl/hostctl.conf.d/50-site.conf", text: "[Upgrade]\nPolicy=download")
        try folder.write("usr/lib/hostctl/hostctl.conf.d/60-more.conf", text: "[Network]\nAttempts=3")
        #expect(try settings().policy == .download)
        try folder.write("run/hostctl/hostctl.conf.d/50-site.conf", text: "[Upgrade]\nPolicy=stage")
        #expect(try settings().policy == .stage)
        try folder.write("etc/hostctl/hostctl.conf.d/50-site.conf", text: "")
        #expect(try settings().policy == .off)
        try Files.replaceLink(folder.path.appending("etc/hostctl/hostctl.conf.d/60-more.conf"), target: "/dev/null")
        #expect(try settings().network.attempts == 5)
    }

    @Test("a key that only a later hostctl knows is a warning with its line, so that a rollback stays possible")
    func unknown() throws {
        let settings = try parse(
            "[Upgrade]", "Polcy=off", "Policy=stage", "X-Site=1", "[Rollout]", "Wave=3", "[X-Site]", "a=b", "[Network]",
            "Attempts=4")
        let file = folder.path.appending("etc/hostctl/hostctl.conf")
        #expect(settings.policy == .stage)
        #expect(settings.network.attempts == 4)
        #expect(settings.warnings.map(\.place) == ["\(file):2", "\(file):5"])
        #expect(settings.warnings.first?.advice == "did you mean 'Policy'?")
    }

    @Test(
        "a value that cannot be meant is an error with its line",
        arguments: [
            ("[Upgrade]", "Policy=rebot"), ("[Network]", "Attempts=0"), ("[Network]", "Attempts=two"),
            ("[Network]", "Attempts=21"), ("[Network]", "ConnectTimeoutSec=0"), ("[Network]", "ConnectTimeoutSec=6min"),
            ("[Network]", "StallTimeoutSec=soon"), ("[Network]", "Proxy=proxy.example:3128"),
            ("[Network]", "Proxy=ftp://proxy.example"), ("[Network]", "Proxy=http://"),
            ("[Network]", "Mirrors=/srv/origin"),
            ("[Network]", "Mirrors=https://a b.example/"), ("[Network]", "Mirrors=file://host/srv"),
            ("[Network]", "Credentials=secret"), ("[Network]", "ClientCertificate=/a.crt"),
            ("[Network]", "ClientKey=/a.key"),
        ])
    func mistakes(_ section: String, _ line: String) throws {
        let error = try mistake("# a comment", section, line)
        #expect(error?.place == "\(folder.path)/etc/hostctl/hostctl.conf:3")
        #expect(error?.advice != nil)
    }

    @Test("a password in an address that everyone can read is refused, and not shown", arguments: ["Proxy", "Mirrors"])
    func password(_ key: String) throws {
        let error = try mistake("[Network]", "\(key)=http://me:s3cret@host.example")
        #expect(error?.place.hasSuffix("hostctl.conf:2") == true)
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test("an empty assignment goes back to the default") func emptied() throws {
        try folder.write(
            "usr/lib/hostctl/hostctl.conf",
            text: "[Upgrade]\nPolicy=reboot\n[Network]\nMirrors=https://a.example\nAttempts=9")
        try folder.write(
            "etc/hostctl/hostctl.conf.d/1.conf", text: "[Upgrade]\nPolicy=\n[Network]\nMirrors=\nAttempts=\nProxy=")
        let settings = try settings()
        #expect(settings.policy == .check)
        #expect(settings.network == NetworkSettings())
    }

    @Test(
        "times as systemd writes them",
        arguments: [
            ("90", 90), ("5min", 300), ("1h 30min", 5400), ("1h30m", 5400), ("2 days", 172_800), ("1w", 604_800),
            (" 7 s ", 7), ("0", 0),
        ] as [(String, Int64)])
    func times(_ text: String, _ seconds: Int64) { #expect(TimeSpan.seconds(text) == seconds) }

    @Test(
        "what is no time",
        arguments: ["", " ", "min", "5 10", "5x", "-5", "1.5h", "99999999999999999999", "9999999999999999999w"])
    func noTimes(_ text: String) { #expect(TimeSpan.seconds(text) == nil) }

    @Test("the example that is shipped is valid, and says what the defaults are") func example() throws {
        let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let text = String(decoding: try Files.read(root.appending("units/hostctl.conf"), limit: 1 << 16), as: UTF8.self)
        let plain = try parse(text)
        #expect(plain.policy == .check)
        #expect(plain.network == NetworkSettings())
        // With every commented assignment in force, all keys are known and all values allowed.
        let lines = text.split(separator: "\n").map {
            $0.hasPrefix("#") && $0.contains("=") && !$0.hasPrefix("# ") ? $0.dropFirst() : $0
        }
        let full = try parse(lines.joined(separator: "\n"))
        #expect(full.warnings.isEmpty, "\(full.warnings)")
        let keys = NetworkSettings.keys + ["Policy"]
        #expect(keys.allSatisfy { key in lines.contains { $0.hasPrefix("\(key)=") } })
    }
}
