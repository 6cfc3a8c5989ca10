public import LinuxSystem

/// A download that did not succeed.
public enum TransferError: ExplainedError, Equatable {
    /// No connection, or one that broke or stalled, after all attempts.
    case unreachable(url: String, detail: String)
    /// The server answered with a status that is no success.
    case refused(url: String, status: Int)
    /// A file of an origin in a folder that cannot be read.
    case unreadable(path: String, detail: String, isMissing: Bool)
    /// More bytes came, or were announced, than were allowed.
    case tooLarge(url: String, limit: Int64)
    /// Fewer bytes came than the server announced.
    case truncated(url: String)
    /// The server sends the whole file whatever range is asked for.
    case noRanges(url: String)
    /// The server sent other bytes than those that were asked for.
    case wrongRange(url: String, detail: String)
    /// More redirects than allowed, or one to another scheme.
    case redirected(url: String)
    /// The text is no URL that can be fetched.
    case unusable(url: String)
    /// User or password stands in the address, where everyone can see it.
    case passwordInAddress(url: String)
    /// The proxy, not the server, answered with a status that is no success.
    case proxyRefused(url: String, status: Int)
    /// Others can read a file that holds a password or a private key, or have written it.
    case exposedSecret(path: String)
    /// A file of passwords that cannot be read; the place has the line.
    case malformedCredentials(place: String, detail: String)
    /// Another part of the work failed, and the transfer was stopped for that.
    case cancelled(url: String)

    /// Whether there is no such file, as the server or the folder says.
    public var isMissing: Bool {
        switch self {
        case .refused(_, let status): status == 404 || status == 410
        case .unreadable(_, _, let isMissing): isMissing
        default: false
        }
    }

    public var reason: String {
        switch self {
        case .unreachable(let url, let detail): "cannot fetch \(url): \(detail)"
        case .refused(let url, let status): "cannot fetch \(url): the server answered \(status)"
        case .unreadable(let path, let detail, _): "cannot read \(path): \(detail)"
        case .tooLarge(let url, let limit): "\(url) is larger than the \(limit) bytes it may have"
        case .truncated(let url): "\(url) ended before all announced bytes had come"
        case .noRanges(let url): "\(url) comes from a server that cannot send a part of a file"
        case .wrongRange(let url, let detail): "\(url) is not what was asked for: \(detail)"
        case .redirected(let url): "\(url) redirects too often or to another scheme"
        case .unusable(let url): "'\(url)' is not an http, https or file URL"
        case .passwordInAddress(let url): "the address of \(url) holds a user or a password"
        case .proxyRefused(let url, let status): "cannot fetch \(url): the proxy answered \(status)"
        case .exposedSecret(let path): "\(path) holds a secret, and others than its owner can read or change it"
        case .malformedCredentials(let place, let detail): "\(place) is no entry of a server: \(detail)"
        case .cancelled(let url): "the download of \(url) was stopped"
        }
    }

    public var advice: String? {
        switch self {
        case .unreachable: "check the network and the origin's address; what has arrived is kept for the next run"
        case .refused(_, 401), .refused(_, 403):
            "the server wants to know this host: check its entry in auth.conf, or the client certificate"
        case .refused: "check that the origin is complete; what has arrived is kept for the next run"
        case .unreadable: "check that the folder is there and complete; what has arrived is kept for the next run"
        case .noRanges: "serve the origin with a server that knows range requests"
        case .tooLarge, .truncated, .wrongRange, .redirected: "the server is broken or hostile; try a mirror"
        case .unusable: "give the origin as http://…, https://… or file:///…"
        case .passwordInAddress: "put user and password into /etc/hostctl/auth.conf, and leave them out here"
        case .proxyRefused: "check Proxy= in hostctl.conf, and the proxy's entry in auth.conf"
        case .exposedSecret: "give it to root, with mode 0600, and change the secret if others may have seen it"
        case .malformedCredentials: "write 'machine HOST login USER password PASSWORD', one server a line"
        case .cancelled: nil
        }
    }
}

extension TransferError {
    /// The address as errors show it: without user and password, which do not belong on screens and in logs.
    static func shown(_ url: String) -> String {
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        let end = url[start...].firstIndex { "/?#".contains($0) } ?? url.endIndex
        guard let at = url[start..<end].lastIndex(of: "@") else { return url }
        return String(url[..<start] + url[url.index(after: at)...])
    }

    public var category: FailureCategory {
        switch self {
        case .unusable, .passwordInAddress, .exposedSecret, .malformedCredentials: .failed
        default: .network
        }
    }
}
