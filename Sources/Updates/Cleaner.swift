import Checksums
public import Deployments
import LinuxSystem
import ObjectFormats
import ObjectStorage
public import Sysroots
public import SystemPackage

/// Removes what a host does not need any more.
public struct Cleaner {
    public let paths: SysrootPaths
    /// As `hostctl cleanup`.
    public let command: String
    /// Seconds to wait for another process that changes the sysroot.
    public let wait: Double
    public let notices: Notices

    public init(
        root: FilePath, command: String = "hostctl cleanup", wait: Double = 0,
        notices: Notices = Notices()
    ) {
        paths = SysrootPaths(root: root)
        self.command = command
        self.wait = wait
        self.notices = notices
    }

    /// Removes, or tells what would be removed.
    ///
    /// - Parameter includingDownloads: whether a complete download goes, too, which waits to be deployed.
    /// - Throws: as `SysrootChange.cleanUp`. A failure is remembered where `status` shows it.
    public func run(dryRun: Bool = false, includingDownloads: Bool = false) throws -> CleanupReport {
        guard SysrootReader(root: paths.root).isSysroot else {
            throw DeploymentError.notASysroot(path: paths.root.string)
        }
        if dryRun { return try cleanUp(dryRun: true, includingDownloads) }
        do {
            let downloads = Downloads(paths)
            let holder = "\(command) (pid \(ProcessStart.id))"
            let lock = try downloads.lock(holder, seconds: wait, waiting: notices.waiting)
            defer { withExtendedLifetime(lock) {} }
            let report = try cleanUp(dryRun: false, includingDownloads)
            if let refusal = report.refusal {
                try SysrootChange.remember(refusal, command: command, paths: paths)
            } else if try FailureRecord.load(paths)?.command == command {
                try FailureRecord.clear(paths)
                try SysrootChange.refreshStatus(paths, command: command)
            }
            return report
        } catch {
            try SysrootChange.remember(error, command: command, paths: paths)
            throw error
        }
    }

    private func cleanUp(dryRun: Bool, _ includingDownloads: Bool) throws -> CleanupReport {
        var kept: [String] = []
        var report = try SysrootChange.cleanUp(
            root: paths.root, isDryRun: dryRun, command: command, wait: wait, notices: notices
        ) {
            let downloads = try UselessDownloads(paths, includingComplete: includingDownloads)
            kept = downloads.kept
            return CleanupRequest(others: downloads.items, refs: downloads.refs)
        }
        report.kept = kept
        return report
    }
}

/// What is left of downloads, and which of it is of no use.
private struct UselessDownloads {
    private(set) var items: [CleanupItem] = []
    /// Refs to be removed or set back.
    private(set) var refs: [String: Checksum?] = [:]
    private(set) var kept: [String] = []

    init(_ paths: SysrootPaths, includingComplete: Bool) throws {
        let downloads = Downloads(paths)
        let store = try Store(opening: paths.repository)
        let lease = try store.allRefs().first { $0.path == "heads/\(Downloads.lease)" }
        let deployments = SysrootReader(root: paths.root).readDeployments().deployments
        let isDeployed = deployments.contains { ($0.isListed || $0.isStaged) && $0.checksum == lease?.commit }
        let isUseful = downloads.isComplete && !isDeployed && !includingComplete
        let reason = isDeployed ? "the download is deployed" : "an interrupted download"
        for place in try downloads.contents() where !isUseful || place == downloads.staging {
            let isComplete = downloads.isComplete && place != downloads.staging && !isDeployed
            let name = "ostree/hostctl/download/\(place.lastComponent?.string ?? "")"
            items.append(CleanupItem(.download, name, isComplete ? "a complete download" : reason, places: [place]))
        }
        if isUseful {
            let text =
                "a complete download is kept for 'hostctl upgrade --from-downloaded'; --downloads removes it, too"
            kept.append(text)
            return
        }
        guard let lease else { return }
        items.append(CleanupItem(.lease, Downloads.lease, reason, refs: [Downloads.lease]))
        refs.updateValue(nil, forKey: Downloads.lease)
        if let commit = lease.commit, !isDeployed { setBack(commit, store, deployments) }
    }

    /// The fetch has pointed the channel's ref at its commit: back to what is deployed of that channel, if anything.
    private mutating func setBack(_ commit: Checksum, _ store: Store, _ deployments: [DeploymentRecord]) {
        do {
            for ref in try store.commit(commit).refBindings where try store.resolve(ref: ref) == commit {
                // A folder that nothing boots is no deployment to go back to.
                let last = deployments.filter { ($0.isListed || $0.isStaged) && $0.refspec == ref }
                    .max { ($0.deployedAt ?? 0) < ($1.deployedAt ?? 0) }
                refs.updateValue(last?.checksum, forKey: ref)
            }
        } catch {
            // A ref that is kept keeps too much, which is as well.
        }
    }
}
