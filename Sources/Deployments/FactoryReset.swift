import CLinux
public import EtcMerges
import Glibc
import LinuxSystem
public import Sysroots
import SystemPackage

/// What a factory reset leaves.
public struct ResetRequest: Sendable {
    /// Below /etc, without what is always kept.
    public var etc: [EtcPath]
    /// Below /var.
    public var state: [EtcPath]
    /// Whether machine-id, hostname and machine-info stay.
    public var keepsIdentity: Bool

    public init(etc: [EtcPath] = [], state: [EtcPath] = [], keepsIdentity: Bool = true) {
        self.etc = etc
        self.state = state
        self.keepsIdentity = keepsIdentity
    }

    /// What is mounted, who is trusted, and which machine it is, stay as they are.
    var allEtc: [EtcPath] {
        etc + ["fstab", "hostctl/trusted-keys.d"].map { EtcPath($0) }
            + (keepsIdentity ? ["machine-id", "hostname", "machine-info"].map { EtcPath($0) } : [])
    }
}

/// What a factory reset has done.
public struct ResetReport: Sendable {
    /// The deployment with the pristine /etc.
    public let deployment: DeploymentRecord
    /// Where the old /var lies until the next cleanup, from the sysroot's root.
    public let formerState: String
    /// What was to be kept and is not there, as absolute paths.
    public let missing: [String]
}

extension SysrootChange {
    /// Makes a new deployment of what the next boot would start, with the image's /etc, and gives it a fresh /var.
    ///
    /// The order: the record is written; the new /var is made aside, with what is kept, and flushed; the deployment is
    /// made and becomes the default, as in `deploy`; the folders get their names; the record is completed. On the running
    /// host the shutdown does that, with what is there to keep by then. Before the switch of the deployment the next turn
    /// undoes an interrupted reset, after it, it completes it. Where there is a boot partition, older deployments keep the
    /// old /var, until a cleanup after the reset has proved itself.
    /// - Throws: `DeploymentError.cannotResetRunning` on a booted host without a boot partition, `.notEnoughSpace` for
    ///   what is kept; whatever `deploy` throws.
    public func factoryReset(_ request: ResetRequest) throws -> ResetReport {
        if let done = completedReset { return try report(done, missing: []) }
        let present = self.report()
        if present.isRunning, boot == nil { throw DeploymentError.cannotResetRunning }
        guard let record = present.nextBoot else { throw DeploymentError.unknownDeployment("default") }
        completed = nil
        let name = try DeploymentPlan.newName(record.stateroot, record.checksum, self)
        let pending = ResetRecord.Pending(
            target: name, former: try freeStateName(record.stateroot, "var.before-reset"),
            keeping: request.state.map { "\($0)" })
        let missing = try requireSpace(for: pending)
        do {
            try remember(pending)
            if !present.isRunning { try prepareState(pending) }
            var deployment = DeployRequest(
                commit: record.checksum, refspec: record.refspec ?? "", stateroot: record.stateroot)
            deployment.exactKernelArguments = record.kernelArguments
            deployment.resetting = request.allEtc
            _ = try deploy(deployment)
        } catch {
            do { try completeReset() } catch {}  // The first error counts; the next turn does what is left.
            throw error
        }
        FaultPoint.reached("reset.after-deploy")
        try completeReset()
        guard let done = try completedReset ?? ResetRecord.load(paths).pending else {
            throw DeploymentError.unknownDeployment(name.description)
        }
        let absent = request.etc.filter { !Files.exists(paths.folder(of: source(of: done)).appending("etc/\($0)")) }
        return try report(done, missing: missing + absent.map { "/etc/\($0)" })
    }

    private func report(_ done: ResetRecord.Pending, missing: [String]) throws -> ResetReport {
        guard let record = report().deployments.first(where: { $0.name == done.target }) else {
            throw DeploymentError.unknownDeployment(done.target.description)
        }
        let folder = paths.deploy.appending(done.target.stateroot).appending(done.former)
        return ResetReport(deployment: record, formerState: paths.relative(folder), missing: missing)
    }

    /// The deployment whose /etc and /var are those that are reset.
    private func source(of pending: ResetRecord.Pending) -> DeploymentName {
        let report = reader.readDeployments()
        let own = report.deployments.filter { $0.stateroot == pending.target.stateroot && $0.name != pending.target }
        return (own.first { $0.isBooted } ?? own.first { $0.isListed })?.name ?? pending.target
    }

    private func presentState(_ pending: ResetRecord.Pending) -> FilePath {
        paths.deploy.appending(pending.target.stateroot)
            .appending(StateFolders(paths).folder(of: source(of: pending)))
    }

    /// - Returns: what was to be kept and is not there.
    private func requireSpace(for pending: ResetRecord.Pending) throws -> [String] {
        let present = presentState(pending)
        var size = FreedSpace()
        for path in pending.keeping { try size.addTree(present.pushing(FilePath(path))) }
        try SpaceCheck(paths).require(paths.deploy, bytes: size.bytes, files: 0)
        return pending.keeping.filter { !Files.exists(present.pushing(FilePath($0))) }.map { "/var/\($0)" }
    }

    private func remember(_ pending: ResetRecord.Pending) throws {
        var record = try ResetRecord.load(paths)
        record.pending = pending
        try record.save(paths)
        FaultPoint.reached("reset.before-state")
    }

    /// What a finalization does for a reset before its switch, with what is there to keep by now.
    func prepareStagedReset(_ staged: StagedDeployment) throws {
        guard let pending = try ResetRecord.load(paths).pending, pending.target == staged.name else {
            throw DeploymentError.noMergeSource(
                name: (staged.merging ?? staged.name).description, detail: "the record of the factory reset is lost")
        }
        try prepareState(pending)
    }

    /// Makes the new /var aside, and says which deployments have which.
    private func prepareState(_ pending: ResetRecord.Pending) throws {
        let stateroot = pending.target.stateroot
        let new = paths.newState(of: stateroot)
        let states = StateFolders(paths)
        let others = reader.readDeployments().deployments.map(\.name).filter {
            $0.stateroot == stateroot && $0 != pending.target
        }
        if others.contains(where: { states.folder(of: $0) == new.lastComponent?.string }) {
            throw SystemError("replace", new.string, code: .fileExists)
        }
        try Files.removeTree(new)
        _ = try EtcMerge.copyParts(pending.keeping.map { EtcPath($0) }, of: presentState(pending), to: new)
        // What libostree makes in a new stateroot.
        for (name, mode) in [("lib", 0o755), ("log", 0o755), ("tmp", 0o1777)] as [(String, mode_t)]
        where !Files.exists(new.appending(name)) {
            try Files.makeFolder(new.appending(name), mode: mode)
        }
        for (name, target) in [("run", "../run"), ("lock", "../run/lock")] where !Files.exists(new.appending(name)) {
            try Files.makeLink(new.appending(name), target: target)
        }
        let folder = try Descriptor(opening: new.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try folder.syncFileSystem()
        var record = try ResetRecord.load(paths)
        record.pending?.inode = UInt64(try folder.status().st_ino)
        try record.save(paths)
        if boot != nil {
            FaultPoint.reached("reset.before-links")
            for name in others where states.folder(of: name) == StateFolders.usual {
                try states.set(name, to: pending.former)
            }
            try states.set(pending.target, to: new.lastComponent?.string)
        }
        FaultPoint.reached("reset.after-state")
    }

    /// Completes a reset whose deployment is in the list, and undoes one whose deployment is not.
    ///
    /// Nothing is renamed while the reset's deployment runs on the old /var, as one does whose initramfs knows no links.
    /// - Throws: `SystemError`, `SysrootError`.
    func completeReset() throws {
        try completePendingReset()
        try adoptFormerStates()
    }

    private func completePendingReset() throws {
        var record = try ResetRecord.load(paths)
        guard let pending = record.pending else { return }
        // The shutdown that switches to it completes it.
        if try StagedDeployment.load(paths)?.name == pending.target { return }
        let report = reader.readDeployments()
        // What runs has been switched to, whatever has become of its entry.
        if report.deployments.contains(where: { $0.name == pending.target && ($0.isListed || $0.isBooted) }) {
            let stateroot = pending.target.stateroot
            if report.booted?.name == pending.target, Files.exists(paths.newState(of: stateroot)),
                Self.isSame(paths.state(of: stateroot), "/var")
            {
                return
            }
            try boot == nil ? exchange(pending) : renameStates(pending)
            FaultPoint.reached("reset.after-switch")
            record.former.append(.init(stateroot: stateroot, name: pending.former))
            completedReset = pending
        } else {
            try undoReset(pending, report)
        }
        record.pending = nil
        try record.save(paths)
        FaultPoint.reached("reset.after-record")
    }

    private func undoReset(_ pending: ResetRecord.Pending, _ report: SysrootReport) throws {
        let new = paths.newState(of: pending.target.stateroot)
        if Self.isSame(new, "/var") { throw SystemError("remove", new.string, code: .resourceBusy) }
        let states = StateFolders(paths)
        try states.set(pending.target, to: nil)
        for name in report.deployments.map(\.name) where states.isDangling(name) { try states.set(name, to: nil) }
        try Files.removeTree(new)
    }

    /// Puts the new /var into its place, and gives the old one its other name.
    private func exchange(_ pending: ResetRecord.Pending) throws {
        let path = paths.deploy.appending(pending.target.stateroot)
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let new = paths.newState(of: pending.target.stateroot).lastComponent?.string ?? ""
        var status = stat()
        try retrying("examine", "\(path)/var") { fstatat(folder.raw, "var", &status, AT_SYMLINK_NOFOLLOW) }
        if UInt64(status.st_ino) != pending.inode {
            FaultPoint.reached("reset.before-switch")
            try retrying("replace", "\(path)/var") {
                hostctl_renameat2(folder.raw, new, folder.raw, "var", HOSTCTL_RENAME_EXCHANGE)
            }
            try folder.sync()
        }
        FaultPoint.reached("reset.before-rename")
        if renameat(folder.raw, new, folder.raw, pending.former) != 0, errno != ENOENT {
            throw SystemError("rename", "\(path)/\(new)")
        }
        try folder.sync()
    }
}
