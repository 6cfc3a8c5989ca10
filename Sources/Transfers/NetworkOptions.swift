import CCurl

/// How the network is reached, and how this host proves who it is.
public struct NetworkOptions: Sendable {
    /// What stands between this host and the servers.
    public enum Proxy: Sendable, Equatable {
        /// What `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` say.
        case environment
        /// None, whatever the environment says.
        case none
        /// This one, except for the servers listed: names, `.domain`s, addresses or networks, `*` for all.
        case server(String, except: [String])
    }

    /// A client certificate and its private key, both in PEM.
    public struct Identity: Sendable, Equatable {
        public let certificate: String
        public let key: String

        /// - Throws: `TransferError.exposedSecret` when others may read the key, `SystemError`.
        public init(certificate: String, key: String) throws {
            try SecretFile.requirePrivate(key)
            self.certificate = certificate
            self.key = key
        }
    }

    public var proxy = Proxy.environment
    /// Users and passwords of servers and proxies.
    public var credentials = ServerCredentials()
    /// Shown to the servers that are asked, not to those that they redirect to.
    public var identity: Identity?
    /// A file of certificates in PEM that are trusted instead of the distribution's.
    public var authorities: String?

    public init() {}
}

extension CurlHandle {
    /// What is the same for all requests.
    func configure(_ network: NetworkOptions) {
        set(CURLOPT_HTTPAUTH, Int(bitPattern: hostctl_auth_basic))
        set(CURLOPT_PROXYAUTH, Int(bitPattern: hostctl_auth_basic))
        // Addresses stand in places where no password belongs.
        set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        if let authorities = network.authorities {
            set(CURLOPT_CAINFO, authorities)
            set(CURLOPT_PROXY_CAINFO, authorities)
        }
        switch network.proxy {
        case .environment: break
        case .none: set(CURLOPT_PROXY, "")
        case .server(let address, let exceptions):
            set(CURLOPT_PROXY, address)
            // To libcurl a star means everybody only when nothing stands beside it.
            set(CURLOPT_NOPROXY, exceptions.contains("*") ? "*" : exceptions.joined(separator: ","))
            let login = ServerName(address).flatMap { network.credentials.login(for: $0) }
            set(CURLOPT_PROXYUSERNAME, orUnset: login?.user)
            set(CURLOPT_PROXYPASSWORD, orUnset: login?.password)
        }
    }
}

extension CurlHandle {
    /// Why the proxy, and not the server, has ended the request; `nil` when it has not.
    func proxyFailure(_ url: String) -> TransferFailure? {
        var connect = 0
        hostctl_getinfo_long(handle, CURLINFO_HTTP_CONNECTCODE, &connect)
        let status = connect >= 300 ? connect : receiver.status == 407 ? 407 : 0
        if status == 0 { return nil }
        return TransferFailure(TransferError.proxyRefused(url: url, status: status), mayPass: status >= 500)
    }
}
