import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
public import SystemPackage

/// Reads a sysroot without libostree, whatever state it is in.
///
/// The boot entries and the folders on the disk together are the truth, as neither alone is: libostree gives up
/// the whole sysroot over one damaged origin file, and forgets every deployment when the boot entries are gone.
public struct SysrootReader: Sendable {
    /// Where things lie.
    public let paths: SysrootPaths
    let host: RunningHost

    /// - Parameters:
    ///   - root: the physical root.
    ///   - host: the running system, for telling which deployment is booted.
    public init(root: FilePath, host: RunningHost = RunningHost()) {
        paths = SysrootPaths(root: root)
        self.host = host
    }

    /// Whether the folder is a sysroot, healthy or not.
    public var isSysroot: Bool { Files.exists(paths.root.appending("ostree/deploy")) || Files.exists(paths.repository) }

    /// The sysroot as it is now, or as the status file tells when this process may not read the store.
    public func report() -> SysrootReport {
        let isReadable = access(paths.repository.string, R_OK | X_OK) == 0 || errno != EACCES
        return report(isReadable: isReadable)
    }

    func report(isReadable: Bool) -> SysrootReport {
        if !isReadable, let written = StatusFile(paths).read() { return rebooted(written) }
        var report = readDeployments()
        let commits = CommitReader(self, folders: keyFolders(report), problems: &report.problems)
        for index in report.deployments.indices { commits.fill(&report.deployments[index]) }
        readState(&report)
        return report
    }

    /// The folders of the keys that count for this sysroot, highest precedence first: those of the running host, or
    /// those of the deployment that the next boot starts.
    public var trustedKeyFolders: [FilePath] { keyFolders(readDeployments()) }

    /// The root folder whose /etc and /usr/lib hold this sysroot's keys and settings: that of the running host, or that
    /// of the deployment that the next boot starts; `nil` when there is none.
    public var configurationRoot: FilePath? { configurationRoot(readDeployments()) }

    private func configurationRoot(_ report: SysrootReport) -> FilePath? {
        if report.isRunning { return host.root }
        // Where the boot partition has lost its entries, what stock tools list is what was booted.
        let name =
            report.defaultDeployment?.name
            ?? (paths.hasBootPartition ? BootOrder(reading: paths).listed.first?.name : nil)
        return name.map { paths.folder(of: $0) }
    }

    private func keyFolders(_ report: SysrootReport) -> [FilePath] {
        let root = configurationRoot(report)
        let places = ["etc/hostctl/trusted-keys.d", "usr/lib/hostctl/trusted-keys.d"]
        return root.map { root in places.map { root.appending($0) } } ?? []
    }

    /// The deployments, without what only the store knows: fast, and enough to compare with libostree's list.
    public func readDeployments() -> SysrootReport {
        var report = SysrootReport(root: paths.root.string)
        report.isRunning = host.runs(paths)
        report.isUsrWritable = report.isRunning && Files.exists(host.usrOverlay)
        let hasPartition = paths.hasBootPartition
        if hasPartition { addEntries(&report) } else { addListed(BootOrder(reading: paths), &report) }
        let areEntriesWhole = report.problems.isEmpty
        addUnlisted(&report)
        let isLost = report.deployments.contains { $0.problems.contains { $0.kind == .unlistedFolder } }
        if report.listed.isEmpty, isLost, areEntriesWhole {
            let text = "there are deployments and no boot entries"
            let place = hasPartition ? paths.bootPartition : paths.loader
            report.problems.append(SysrootProblem(.missingBootEntries, path: place.string, text))
        }
        if hasPartition {
            checkMirror(&report)
            readBoots(&report)
        }
        markBooted(&report)
        checkReset(&report)
        for index in report.deployments.indices {
            OriginFile(paths, report.deployments[index].name).fill(&report, index)
        }
        return report
    }

    /// Adds what the entries below /boot/loader lead to.
    func addListed(_ order: BootOrder, _ report: inout SysrootReport) {
        report.problems += order.problems
        for listed in order.listed {
            var record = record(listed.name, report.deployments.count)
            record.kernelArguments = listed.entry.kernelArguments
            record.bootChecksum = listed.bootChecksum
            report.deployments.append(record)
        }
    }

    /// A deployment that an entry leads to.
    func record(_ name: DeploymentName, _ index: Int) -> DeploymentRecord {
        var record = DeploymentRecord(index: index, name: name)
        record.isListed = true
        record.isDefault = index == 0
        let folder = paths.folder(of: name)
        if !Files.isFolder(folder) {
            record.problems.append(
                SysrootProblem(.missingFolder, path: folder.string, "the deployment's folder is missing"))
        }
        return record
    }

    private func addUnlisted(_ report: inout SysrootReport) {
        let known = Set(report.deployments.map(\.name))
        let left = Set(PendingChange.names(in: paths))
        let staged = staged(&report)
        report.mergeSource = staged?.merging
        for name in folders(&report) where !known.contains(name) {
            var record = DeploymentRecord(index: report.deployments.count, name: name)
            let path = paths.folder(of: name).string
            if let staged, name == staged.name {
                record.isStaged = true
                record.kernelArguments = staged.arguments
                report.deployments.append(record)
                continue
            }
            record.problems.append(
                left.contains(name)
                    ? SysrootProblem(.interruptedChange, path: path, "an interrupted change has left this deployment")
                    : SysrootProblem(.unlistedFolder, path: path, "no boot entry leads to this deployment"))
            report.deployments.append(record)
        }
        if let staged, report.staged == nil, !known.contains(staged.name) {
            let path = paths.folder(of: staged.name).string
            report.problems.append(
                SysrootProblem(.missingFolder, path: path, "the folder of the staged deployment is missing"))
        }
    }

    private func folders(_ report: inout SysrootReport) -> [DeploymentName] {
        var found: [DeploymentName] = []
        for stateroot in names(in: paths.deploy, &report) {
            let folder = paths.deployments(of: stateroot)
            for name in names(in: folder, &report) where Files.isFolder(folder.appending(name)) {
                if let deployment = DeploymentName(stateroot: stateroot, folderName: name) { found.append(deployment) }
            }
        }
        return found
    }

    private func names(in path: FilePath, _ report: inout SysrootReport) -> [String] {
        do { return try Files.namesIfPresent(in: path) } catch {
            if error.code != .notDirectory {
                report.problems.append(SysrootProblem(.unreadableFolder, path: path.string, error.reason))
            }
            return []
        }
    }

    /// The running root is a bind mount of its deployment's folder. Only when no folder matches is the kernel's
    /// command line asked: its link names what was booted at the time, and a later change may have moved the link.
    private func markBooted(_ report: inout SysrootReport) {
        guard report.isRunning else { return }
        do {
            let running = report.deployments.first { host.isRoot(paths.folder(of: $0.name)) }?.name
            let link = running == nil ? try host.bootLink() : nil
            let name = running ?? link.flatMap(deployment(behindLink:))
            for index in report.deployments.indices {
                report.deployments[index].isBooted = report.deployments[index].name == name
            }
        } catch {
            report.problems.append(SysrootProblem(.unreadableFolder, path: error.path, error.reason))
        }
    }

    /// What the status file tells, with what may have changed since by a mere reboot.
    private func rebooted(_ written: SysrootReport) -> SysrootReport {
        var report = written
        report.isRunning = host.runs(paths)
        report.isUsrWritable = report.isRunning && Files.exists(host.usrOverlay)
        markBooted(&report)
        return report
    }

    private func readState(_ report: inout SysrootReport) {
        func reading<Value>(_ path: FilePath, _ body: () throws -> Value?) -> Value? {
            do { return try body() } catch {
                let text = (error as? any ExplainedError)?.reason ?? "\(error)"
                report.problems.append(SysrootProblem(.unreadableState, path: path.string, text))
                return nil
            }
        }
        report.state = reading(SysrootState.path(in: paths)) { try SysrootState.load(paths) }
        report.lastFailure = reading(FailureRecord.path(in: paths)) { try FailureRecord.load(paths) }
        report.lastAutomaticRun = reading(AutomaticRun.path(in: paths)) { try AutomaticRun.load(paths) }
        report.hold = reading(UpdateHold.path(in: paths)) { try UpdateHold.load(paths) }
    }
}
