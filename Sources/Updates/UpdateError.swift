public import LinuxSystem

/// An update that cannot be made as asked.
public enum UpdateError: ExplainedError, Equatable {
    /// The sysroot follows no origin.
    case noOrigin(sysroot: String)
    /// `--from-downloaded` without a download.
    case nothingDownloaded
    /// What was downloaded is not what is asked for.
    case otherDownload(release: String)
    /// The deployed release's commit is lost, so that nothing can be compared with it.
    case damagedDeployment(commit: String)
    /// No public key to trust.
    case noTrustedKeys(folders: [String])
    /// Less space than the update needs. The deployments are as they were.
    ///
    /// - Parameter hasBegun: whether this run or an earlier one has written something already.
    case notEnoughSpace(path: String, needed: Int64, available: Int64, hasBegun: Bool)
    /// Fewer files can be made than the update needs; as above.
    case notEnoughFiles(path: String, needed: Int64, available: Int64, hasBegun: Bool)
    /// The folder of `--from` holds no origin.
    case notACopy(folder: String)
    /// A release that did not come up on this host.
    case knownBad(release: String, reason: String)
    /// Somebody rolled back or deployed while this update was downloading.
    case changedMeanwhile

    public var reason: String {
        switch self {
        case .noOrigin(let sysroot): "\(sysroot) follows no origin"
        case .nothingDownloaded: "nothing has been downloaded yet"
        case .notEnoughSpace(let path, let needed, let available, _):
            "not enough space on \(path): \(needed) bytes are needed and \(available) are free"
        case .notACopy(let folder): "there is no origin in \(folder)"
        case .notEnoughFiles(let path, let needed, let available, _):
            "not enough room for files on \(path): \(needed) are needed and \(available) can be made"
        case .knownBad(let release, let reason): "\(release) did not come up on this host: \(reason)"
        case .changedMeanwhile: "another command has changed the deployments during the download"
        case .otherDownload(let release): "what was downloaded is \(release)"
        case .damagedDeployment(let commit): "the deployed commit \(commit) is missing from the store or damaged"
        case .noTrustedKeys(let folders) where folders.isEmpty: "nothing is installed yet that could trust a key"
        case .noTrustedKeys(let folders): "no trusted key is in \(folders.joined(separator: " or "))"
        }
    }

    public var advice: String? {
        switch self {
        case .noOrigin: "choose one with 'hostctl switch --origin URL CHANNEL'"
        case .nothingDownloaded: "run 'hostctl upgrade --download-only' first"
        case .notEnoughSpace(_, _, _, hasBegun: false), .notEnoughFiles(_, _, _, hasBegun: false):
            "free some space and run the command again; nothing was written"
        case .notEnoughSpace, .notEnoughFiles:
            "free some space and run the command again: it goes on where it was; the deployments are as they were"
        case .notACopy: "give the folder that holds 'releases' and 'store', and check that the disk is mounted"
        case .knownBad: "wait for a newer release, or take it all the same with --force"
        case .changedMeanwhile: "run the command again; what was downloaded is kept"
        case .otherDownload: "use the channel and the version that were downloaded, or download anew"
        case .damagedDeployment:
            "'hostctl verify --repair' fetches it anew; --allow-downgrade replaces it by whatever the channel offers"
        case .noTrustedKeys(let folders) where folders.isEmpty: "run 'hostctl install sysroot' (again)"
        case .noTrustedKeys: "put the release's public key there"
        }
    }
}

extension UpdateError {
    public var category: FailureCategory {
        switch self {
        case .noTrustedKeys: .untrusted
        case .notEnoughSpace, .notEnoughFiles: .noSpace
        case .notACopy: .network
        case .noOrigin, .nothingDownloaded, .otherDownload, .damagedDeployment, .changedMeanwhile, .knownBad: .failed
        }
    }
}
