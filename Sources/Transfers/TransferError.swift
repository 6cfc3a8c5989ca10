public import LinuxSystem

/// A download that did not succeed.
public enum TransferError: ExplainedError, Equatable {
    /// No connection, or one that broke or stalled, after all attempts.
    case unreachable(url: String, detail: String)
    /// The server answered with a status that is no success.
    case refused(url: String, status: Int)
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
    /// Another part of the work failed, and the transfer was stopped for that.
    case cancelled(url: String)

    /// Whether the server said that there is no such file.
    public var isMissing: Bool {
        if case .refused(_, let status) = self { status == 404 || status == 410 } else { false }
    }

    public var reason: String {
        switch self {
        case .unreachable(let url, let detail): "cannot fetch \(url): \(detail)"
        case .refused(let url, let status): "cannot fetch \(url): the server answered \(status)"
        case .tooLarge(let url, let limit): "\(url) is larger than the \(limit) bytes it may have"
        case .truncated(let url): "\(url) ended before all announced bytes had come"
        case .noRanges(let url): "\(url) comes from a server that cannot send a part of a file"
        case .wrongRange(let url, let detail): "\(url) is not what was asked for: \(detail)"
        case .redirected(let url): "\(url) redirects too often or to another scheme"
        case .unusable(let url): "'\(url)' is not an http, https or file URL"
        case .cancelled(let url): "the download of \(url) was stopped"
        }
    }

    public var advice: String? {
        switch self {
        case .unreachable: "check the network and the origin's address; what has arrived is kept for the next run"
        case .refused: "check that the origin is complete; what has arrived is kept for the next run"
        case .noRanges: "serve the origin with a server that knows range requests"
        case .tooLarge, .truncated, .wrongRange, .redirected: "the server is broken or hostile; try a mirror"
        case .unusable: "give the origin as http://…, https://… or file:///…"
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
        if case .unusable = self { .failed } else { .network }
    }
}
