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

    /// Whether it is what is staged already.
    func isSame(as pending: ResetRecord.Pending, _ staged: StagedDeployment) -> Bool {
        staged.resetting == allEtc.map { "\($0)" } && pending.keeping == state.map { "\($0)" }
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
    /// old /var, until a cleanup after the reset has proved itself. There is one reset at a time: another one that was
    /// switched to and has not reached /var is given up, and one that is staged stays.
    /// - Throws: `DeploymentError.cannotResetRunning` on a booted host without a boot partition, `.resetIsStaged` where
    ///   another one is, `.resetIsLost`, `.notEnoughSpace` for what is kept; whatever `deploy` throws.
    public func factoryReset(_ request: ResetRequest) throws -> ResetReport {
        let present = self.report()
        // On the running host it is the shutdown's to complete what the command has begun.
        if !present.isRunning, let done = completedReset { return try report(done, missing: []) }
        if present.isRunning, boot == nil { throw DeploymentError.cannotResetRunning }
        guard let record = present.nextBoot else { throw DeploymentError.unknownDeployment("default") }
        if let other = try ResetRecord.load(paths).pending {
            if let staged = try StagedDeployment.load(paths), staged.name == other.target {
                guard request.isSame(as: other, staged) else {
                    throw DeploymentError.resetIsStaged(name: other.target.description)
                }
                try requireSpace(for: other, withCheckout: false)
                return try report(other, missing: missingState(other) + missingEtc(request, other))
            }
        }
        completed = nil
        completedReset = nil
        let name = try DeploymentPlan.newName(record.stateroot, record.checksum, self)
        ownReset = name
        let pending = ResetRecord.Pending(
            target: name, former: try paths.freeStateName("var.before-reset", in: record.stateroot),
            keeping: request.state.map { "\($0)" })
        // Before another one is given up for it.
        try requireSpace(for: pending)
        if let other = try ResetRecord.load(paths).pending { try giveUp(other) }
        try requireUnusedState(for: name)
        let missing = missingState(pending)
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
        return try report(done, missing: missing + missingEtc(request, done))
    }

    /// What of /etc was to be kept and is not there.
    private func missingEtc(_ request: ResetRequest, _ pending: ResetRecord.Pending) -> [String] {
        let folder = paths.folder(of: source(of: pending))
        return request.etc.filter { !Files.exists(folder.appending("etc/\($0)")) }.map { "/etc/\($0)" }
    }

    /// The folder in which the new /var is made is the /var of nothing that runs, and of no other deployment, as it is
    /// as long as a reset's record is there.
    private func requireUnusedState(for target: DeploymentName) throws {
        let new = paths.newState(of: target.stateroot)
        let states = StateFolders(paths)
        let report = reader.readDeployments()
        if reader.isPresentState(new) {
            throw DeploymentError.resetIsLost(name: (report.booted?.name ?? target).description)
        }
        for name in report.deployments.map(\.name) where name.stateroot == target.stateroot && name != target {
            if states.folder(of: name) == SysrootPaths.newStateName {
                throw DeploymentError.resetIsLost(name: name.description)
            }
        }
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
        paths.deploy.appending(pending.target.stateroot).appending(stateFolder(of: source(of: pending)))
    }

    /// - Parameter withCheckout: whether the deployment is still to be made.
    private func requireSpace(for pending: ResetRecord.Pending, withCheckout: Bool = true) throws {
        let present = presentState(pending)
        var size = FreedSpace()
        for path in pending.keeping { try size.addTree(present.pushing(FilePath(path))) }
        let checkout =
            try withCheckout ? SpaceCheck.estimate(like: pending.target.checksum, in: store) : (bytes: 0, files: 0)
        try SpaceCheck(paths).require(paths.deploy, bytes: size.bytes + checkout.bytes, files: checkout.files)
    }

    /// What of /var was to be kept and is not there.
    private func missingState(_ pending: ResetRecord.Pending) -> [String] {
        let present = presentState(pending)
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
        try requireUnusedState(for: pending.target)
        try note(inode: 0)
        try Files.removeTree(new)
        do { try note(inode: makeState(new, pending)) } catch {
            // It may be what fills the disk.
            do { try Files.removeTree(new) } catch {}
            throw error
        }
        if boot != nil {
            FaultPoint.reached("reset.before-links")
            try promiseState(pending)
            try StateFolders(paths).set(pending.target, to: SysrootPaths.newStateName)
        }
        FaultPoint.reached("reset.after-state")
    }

    /// Names the old /var, as it is going to be called, to whoever has it.
    func promiseState(_ pending: ResetRecord.Pending) throws {
        for name in reader.readDeployments().deployments.map(\.name)
        where name.stateroot == pending.target.stateroot && name != pending.target
            && stateFolder(of: name) == StateFolders.usual
        {
            try StateFolders(paths).set(name, to: pending.former)
        }
    }

    /// Fills a new /var with what is kept, durably.
    ///
    /// - Returns: its inode.
    private func makeState(_ new: FilePath, _ pending: ResetRecord.Pending) throws -> UInt64 {
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
        return UInt64(try folder.status().st_ino)
    }

    /// Remembers which folder is the new /var; 0 as long as it is not complete.
    private func note(inode: UInt64) throws {
        var record = try ResetRecord.load(paths)
        if record.pending?.inode == inode { return }
        record.pending?.inode = inode
        try record.save(paths)
    }

    /// Completes a reset whose deployment is in the list, and gives up one whose deployment is not.
    ///
    /// On the running host nothing is renamed but at the shutdown that switches to it, and once its deployment runs on
    /// its own /var: what else runs may have an initramfs that follows no links, and would find another /var at its next
    /// boot. Until then each has its own without that. The reset's deployment itself, running on the old /var, shows
    /// that its links are not followed, and the reset is given up.
    /// - Parameter switched: what this shutdown has switched to.
    /// - Throws: `SystemError`, `SysrootError`.
    func completeReset(switchedTo switched: DeploymentName? = nil) throws {
        try completePendingReset(switched)
        try adoptFormerStates()
    }

    private func completePendingReset(_ switched: DeploymentName?) throws {
        var record = try ResetRecord.load(paths)
        guard let pending = record.pending else { return }
        // The shutdown that switches to it completes it.
        if try StagedDeployment.load(paths)?.name == pending.target { return }
        let report = reader.readDeployments()
        let stateroot = pending.target.stateroot
        let new = paths.newState(of: stateroot)
        // What runs has been switched to, whatever has become of its entry.
        let isThere =
            reader.isPresentState(new)
            || report.deployments.contains { $0.name == pending.target && ($0.isListed || $0.isBooted) }
        if isThere, pending.target != switched, reader.runsOnOldState(pending) {
            if report.booted?.name == pending.target { return try giveUp(pending) }
            // Without a boot partition all have one /var.
            if boot != nil { return }
        }
        let former = paths.deploy.appending(stateroot).appending(pending.former)
        // Without a boot partition the exchange is the switch: what is aside then is the old one.
        let isExchanged =
            try boot == nil && pending.inode != 0 && inode(of: paths.state(of: stateroot)) == pending.inode
        // Either it was given up, and the record of that was cut off, or somebody has removed it.
        let isLost = !isExchanged && !Files.exists(new) && !Files.exists(former)
        guard isThere || isExchanged, !isLost else { return try giveUp(pending) }
        try boot == nil ? exchange(pending) : renameStates(pending)
        FaultPoint.reached("reset.after-switch")
        record.former.append(.init(stateroot: stateroot, name: pending.former))
        completedReset = pending
        record.pending = nil
        try record.save(paths)
        FaultPoint.reached("reset.after-record")
    }

    /// `nil` for what is not there.
    func inode(of path: FilePath) throws -> UInt64? {
        guard Files.isFolder(path) else { return nil }
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        return UInt64(try folder.status().st_ino)
    }

    /// Puts the new /var into its place, and gives the old one its other name.
    private func exchange(_ pending: ResetRecord.Pending) throws {
        let path = paths.deploy.appending(pending.target.stateroot)
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let new = SysrootPaths.newStateName
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
