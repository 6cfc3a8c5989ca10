public import LinuxSystem

/// An update that cannot be made as asked.
public enum UpdateError: ExplainedError, Equatable {
    /// The sysroot follows no origin.
    case noOrigin(sysroot: String)
    /// `--from-downloaded` without a download.
    case nothingDownloaded
    /// No public key to trust.
    case noTrustedKeys(folders: [String])
    /// Less space than the download needs; nothing was written.
    case notEnoughSpace(path: String, needed: Int64, available: Int64)
    /// Somebody rolled back or deployed while this update was downloading.
    case changedMeanwhile

    public var reason: String {
        switch self {
        case .noOrigin(let sysroot): "\(sysroot) follows no origin"
        case .nothingDownloaded: "nothing has been downloaded yet"
        case .notEnoughSpace(let path, let needed, let available):
            "not enough space on \(path): \(needed) bytes are needed and \(available) are free"
        case .changedMeanwhile: "another command has changed the deployments during the download"
        case .noTrustedKeys(let folders): "no trusted key is in \(folders.joined(separator: " or "))"
        }
    }

    public var advice: String? {
        switch self {
        case .noOrigin: "choose one with 'hostctl switch --origin URL CHANNEL'"
        case .nothingDownloaded: "run 'hostctl upgrade --download-only' first"
        case .notEnoughSpace: "free some space and run the command again; nothing was written"
        case .changedMeanwhile: "run the command again; what was downloaded is kept"
        case .noTrustedKeys: "put the release's public key there"
        }
    }
}

extension UpdateError {
    public var category: FailureCategory {
        switch self {
        case .noTrustedKeys: .untrusted
        case .notEnoughSpace: .noSpace
        case .noOrigin, .nothingDownloaded, .changedMeanwhile: .failed
        }
    }
}
