import Deployments
import Glibc
import LinuxSystem
public import Settings
public import Sysroots
public import SystemPackage
public import Transfers

/// A host's settings, and what they mean for its transfers.
public struct HostOptions {
    /// The settings of the sysroot: those of the running host, or of the deployment that the next boot starts.
    public let settings: HostSettings
    /// What everything is fetched with.
    public let transfers: TransferOptions

    /// Reads the settings of a sysroot. A failure is remembered where `status` shows it.
    ///
    /// - Parameters:
    ///   - command: as `hostctl upgrade`.
    ///   - following: what is followed from now on, when that is new; another origin has other mirrors.
    ///   - base: what the settings do not say.
    ///   - notice: told what is ignored, and which mirror is left out.
    /// - Throws: `SettingsError`, `TransferError`, `SystemError`.
    public init(
        root: FilePath, command: String, following: SysrootState? = nil, base: TransferOptions,
        notice: @escaping @Sendable (String) -> Void
    ) throws {
        let paths = SysrootPaths(root: root)
        do {
            settings = try Self.settings(of: root)
            for warning in settings.warnings { notice("\(warning.reason) (ignored)") }
            var options = base
            try options.apply(settings)
            // A damaged state is the update's to report.
            let present = (try? SysrootState.load(paths))?.origin
            if let present, following == nil || following?.origin == present, !settings.network.mirrors.isEmpty {
                options.mirrors = Mirrors(of: present, addresses: settings.network.mirrors, notice: notice)
            }
            transfers = options
        } catch {
            try SysrootChange.remember(error, command: command, paths: paths)
            throw error
        }
    }

    /// The settings alone; those of a host without any when nothing is deployed.
    ///
    /// - Throws: `SettingsError`, `SystemError`.
    public static func settings(of root: FilePath) throws -> HostSettings {
        guard let folder = SysrootReader(root: root).configurationRoot else { return HostSettings() }
        return try HostSettings(below: folder)
    }
}

extension TransferOptions {
    /// Takes over what the settings say of the network, except the mirrors, which belong to one origin.
    ///
    /// - Throws: `TransferError` for secrets that others can read or that cannot be understood, `SystemError`.
    public mutating func apply(_ settings: HostSettings) throws {
        let given = settings.network
        connectSeconds = Int(given.connectSeconds)
        stallSeconds = Int(given.stallSeconds)
        attempts = Int(given.attempts)
        switch given.proxy {
        case nil: network.proxy = .environment
        case "none": network.proxy = .none
        case let address?: network.proxy = .server(address, except: given.proxyExceptions)
        }
        network.authorities = given.certificateAuthorities.map { settings.place(of: $0).string }
        if let certificate = given.clientCertificate, let key = given.clientKey {
            network.identity = try NetworkOptions.Identity(
                certificate: settings.place(of: certificate).string, key: settings.place(of: key).string)
        }
        network.credentials = try Self.credentials(settings)
    }

    /// Those that systemd hands to the service, then those of the file.
    private static func credentials(_ settings: HostSettings) throws -> ServerCredentials {
        var credentials = ServerCredentials()
        if let folder = getenv("CREDENTIALS_DIRECTORY") {
            let path = FilePath(String(cString: folder)).appending("hostctl.auth")
            if Files.exists(path) { credentials = try ServerCredentials(reading: path) }
        }
        let path = settings.place(of: settings.network.credentials)
        if settings.network.requiresCredentials || Files.exists(path) {
            credentials.add(try ServerCredentials(reading: path))
        }
        return credentials
    }
}

extension HostSettings {
    /// Where a path of the settings is, seen from here.
    func place(of path: FilePath) -> FilePath { root.appending(path.components) }
}
