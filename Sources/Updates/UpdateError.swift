public import LinuxSystem

/// An update that cannot be made as asked.
public enum UpdateError: ExplainedError, Equatable {
    /// The sysroot follows no origin.
    case noOrigin(sysroot: String)
    /// `--from-downloaded` without a download.
    case nothingDownloaded
    /// No public key to trust.
    case noTrustedKeys(folders: [String])

    public var reason: String {
        switch self {
        case .noOrigin(let sysroot): "\(sysroot) follows no origin"
        case .nothingDownloaded: "nothing has been downloaded yet"
        case .noTrustedKeys(let folders): "no trusted key is in \(folders.joined(separator: " or "))"
        }
    }

    public var advice: String? {
        switch self {
        case .noOrigin: "choose one with 'hostctl switch --origin URL CHANNEL'"
        case .nothingDownloaded: "run 'hostctl upgrade --download-only' first"
        case .noTrustedKeys: "put the release's public key there"
        }
    }
}

extension UpdateError {
    public var category: FailureCategory {
        if case .noTrustedKeys = self { .untrusted } else { .failed }
    }
}
