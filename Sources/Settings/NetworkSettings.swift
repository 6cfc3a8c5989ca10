public import SystemPackage

/// `[Network]` of hostctl.conf: how origins are reached. Paths are absolute on the host that the settings belong to.
public struct NetworkSettings: Sendable, Equatable {
    /// `Proxy=`: an address, `none`, or `nil` for what the environment says.
    public var proxy: String?
    /// `NoProxy=`: who is reached without it.
    public var proxyExceptions: [String] = []
    /// `Credentials=`: the file of users and passwords.
    public var credentials = FilePath("/etc/hostctl/auth.conf")
    /// Whether that file was named, so that it has to be there.
    public var requiresCredentials = false
    /// `ClientCertificate=`, and `ClientKey=` with it.
    public var clientCertificate: FilePath?
    public var clientKey: FilePath?
    /// `CertificateAuthorities=`: trusted instead of the distribution's.
    public var certificateAuthorities: FilePath?
    /// `Mirrors=`: asked in this order, before the origin.
    public var mirrors: [String] = []
    /// `ConnectTimeoutSec=`.
    public var connectSeconds: Int64 = 15
    /// `StallTimeoutSec=`.
    public var stallSeconds: Int64 = 30
    /// `Attempts=`.
    public var attempts: Int64 = 5

    public init() {}

    static let section = "Network"
    static let keys = [
        "Proxy", "NoProxy", "Mirrors", "Credentials", "ClientCertificate", "ClientKey", "CertificateAuthorities",
        "ConnectTimeoutSec", "StallTimeoutSec", "Attempts",
    ]

    init(_ file: SettingsFile) throws(SettingsError) {
        let section = Self.section
        let defaults = NetworkSettings()
        proxy = file.string("Proxy", in: section)
        if let proxy, proxy != "none" {
            try Self.requireAddress(proxy, ["http", "https", "socks4", "socks4a", "socks5", "socks5h"], "Proxy", file)
        }
        proxyExceptions = try file.words("NoProxy", in: section) ?? []
        mirrors = try file.words("Mirrors", in: section) ?? []
        for mirror in mirrors { try Self.requireAddress(mirror, ["http", "https", "file"], "Mirrors", file) }
        if let path = try file.path("Credentials", in: section) { (credentials, requiresCredentials) = (path, true) }
        clientCertificate = try file.path("ClientCertificate", in: section)
        clientKey = try file.path("ClientKey", in: section)
        guard (clientCertificate == nil) == (clientKey == nil) else {
            let set = clientKey == nil ? "ClientCertificate" : "ClientKey"
            throw SettingsError(
                file.place(of: set, in: section), "ClientCertificate= and ClientKey= belong together",
                advice: "where the certificate's file holds the key, too, name it twice")
        }
        certificateAuthorities = try file.path("CertificateAuthorities", in: section)
        connectSeconds = try file.seconds(
            "ConnectTimeoutSec", in: section, within: 1...300, default: defaults.connectSeconds)
        stallSeconds = try file.seconds(
            "StallTimeoutSec", in: section, within: 1...3600, default: defaults.stallSeconds)
        attempts = try file.integer("Attempts", in: section, within: 1...20, default: defaults.attempts)
    }

    /// Requires `SCHEME://…` without a user, in characters that addresses have.
    private static func requireAddress(
        _ address: String, _ schemes: [String], _ key: String, _ file: SettingsFile
    ) throws(SettingsError) {
        let place = file.place(of: key, in: section)
        let parts = address.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        let isComplete = parts.count >= 3 && parts[0].hasSuffix(":") && parts[1].isEmpty
        let scheme = isComplete ? String(parts[0].dropLast()) : ""
        let hasPlace = scheme == "file" ? parts.count == 4 && parts[2].isEmpty : isComplete && !parts[2].isEmpty
        guard schemes.contains(scheme), hasPlace, address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw SettingsError(
                place, "\(key)= cannot be '\(address)'", advice: "write an address that starts with \(schemes[0])://")
        }
        guard !parts[2].contains("@") else {
            throw SettingsError(
                place, "\(key)= holds a user or a password, which everyone can read here",
                advice: "put them into /etc/hostctl/auth.conf")
        }
    }
}
