/// One server: scheme, host and port of an address. What one server may be told, another may not.
public struct ServerName: Sendable, Hashable {
    public let scheme: String
    /// In lower case; an IPv6 address without its brackets.
    public let host: String
    public let port: Int

    /// The server of an address such as `https://host:8443/path`; `nil` when it names none.
    public init?(_ address: String) {
        guard let mark = address.firstRange(of: "://") else { return nil }
        let scheme = address[..<mark.lowerBound].lowercased()
        let authority = address[mark.upperBound...].prefix { !"/?#".contains($0) }
        let place = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        guard let usual = Self.usualPorts[scheme], let (host, port) = Self.split(place) else { return nil }
        self.scheme = scheme
        self.host = host.lowercased()
        self.port = port ?? usual
    }

    /// The ports of addresses that name none; those of proxies are libcurl's.
    private static let usualPorts = [
        "http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080,
    ]

    /// Host and port of `host`, `host:port` or `[address]:port`.
    private static func split(_ place: Substring) -> (Substring, Int?)? {
        let isBracketed = place.hasPrefix("[")
        let end = isBracketed ? place.firstIndex(of: "]") : place.firstIndex(of: ":") ?? place.endIndex
        guard let end else { return nil }
        let host = isBracketed ? place[place.index(after: place.startIndex)..<end] : place[..<end]
        let rest = isBracketed ? place[place.index(after: end)...] : place[end...]
        guard !host.isEmpty else { return nil }
        if rest.isEmpty { return (host, nil) }
        guard rest.first == ":", let port = Int(rest.dropFirst()), (1...65535).contains(port) else { return nil }
        return (host, port)
    }
}
