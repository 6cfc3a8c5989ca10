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

extension SysrootPaths {
    /// What every deployment of a stateroot has as /var.
    func state(of stateroot: String) -> FilePath { deploy.appending(stateroot).appending("var") }
    /// A /var that is being made.
    func newState(of stateroot: String) -> FilePath { deploy.appending(stateroot).appending("var.hostctl-new") }
}

extension SysrootChange {
    /// Makes a new deployment of what the next boot would start, with the image's /etc, and gives the stateroot a fresh
    /// /var.
    ///
    /// The order: the record is written; the new /var is made aside, with what is kept, and flushed; the deployment is
    /// made and becomes the default, as in `deploy`; the two folders change places in one rename; the record is
    /// completed. Before the switch of the deployment the next turn undoes an interrupted reset, after it, it
    /// completes it. The old /var stays, under another name, until a cleanup.
    /// - Throws: `DeploymentError.cannotResetRunning` on a booted host; whatever `deploy` throws.
    public func factoryReset(_ request: ResetRequest) throws -> ResetReport {
        if let done = completedReset { return try report(done, missing: []) }
        let present = self.report()
        if present.isRunning, boot == nil { throw DeploymentError.cannotResetRunning }
        guard let record = present.nextBoot else { throw DeploymentError.unknownDeployment("default") }
        completed = nil
        let name = try DeploymentPlan.newName(record.stateroot, record.checksum, self)
        let former = try freeName(record.stateroot)
        let missing: [String]
        do {
            missing = try prepareState(request, ResetRecord.Pending(target: name, former: former))
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
        let absent = request.etc.filter { !Files.exists(paths.folder(of: name).appending("etc/\($0)")) }
        return try report(done, missing: missing + absent.map { "/etc/\($0)" })
    }

    private func report(_ done: ResetRecord.Pending, missing: [String]) throws -> ResetReport {
        guard let record = report().deployments.first(where: { $0.name == done.target }) else {
            throw DeploymentError.unknownDeployment(done.target.description)
        }
        let folder = paths.deploy.appending(done.target.stateroot).appending(done.former)
        return ResetReport(deployment: record, formerState: paths.relative(folder), missing: missing)
    }

    /// `var.before-reset`, with a number when there is one already.
    private func freeName(_ stateroot: String) throws -> String {
        let taken = try Files.names(in: paths.deploy.appending(stateroot))
        let base = "var.before-reset"
        guard taken.contains(base) else { return base }
        var number = 2
        while taken.contains("\(base)-\(number)") { number += 1 }
        return "\(base)-\(number)"
    }

    /// - Returns: what was to be kept and is not there.
    private func prepareState(_ request: ResetRequest, _ pending: ResetRecord.Pending) throws -> [String] {
        let stateroot = pending.target.stateroot
        var record = try ResetRecord.load(paths)
        record.pending = pending
        try record.save(paths)
        FaultPoint.reached("reset.before-state")
        let new = paths.newState(of: stateroot)
        try Files.removeTree(new)
        let missing = try EtcMerge.copyParts(request.state, of: paths.state(of: stateroot), to: new)
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
        record.pending?.inode = UInt64(try folder.status().st_ino)
        try record.save(paths)
        FaultPoint.reached("reset.after-state")
        return missing.map { "/var/\($0)" }
    }

    /// Completes a reset whose deployment is in the list, and undoes one whose deployment is not.
    ///
    /// Whoever finalizes a staged reset calls it once the new deployment is the default, when nothing uses /var any more.
    /// - Throws: `SystemError`, `SysrootError`.
    func completeReset() throws {
        var record = try ResetRecord.load(paths)
        guard let pending = record.pending else { return }
        // The shutdown that switches to it completes it.
        if try StagedDeployment.load(paths)?.name == pending.target { return }
        let new = paths.newState(of: pending.target.stateroot)
        if reader.readDeployments().listed.contains(where: { $0.name == pending.target }) {
            try exchange(pending)
            FaultPoint.reached("reset.after-switch")
            record.former.append(.init(stateroot: pending.target.stateroot, name: pending.former))
            completedReset = pending
        } else {
            try Files.removeTree(new)
        }
        record.pending = nil
        try record.save(paths)
        FaultPoint.reached("reset.after-record")
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

    /// Folders that were /var before a reset, and that nothing uses any more.
    func formerStates() throws -> [(ResetRecord.Former, FilePath)] {
        let isRunning = reader.readDeployments().isRunning
        return try ResetRecord.load(paths).former.compactMap { former in
            let path = paths.deploy.appending(former.stateroot).appending(former.name)
            // A host that has not been restarted since still works on it.
            return isRunning && Self.isSame(path, "/var") ? nil : (former, path)
        }
    }

    private static func isSame(_ left: FilePath, _ right: FilePath) -> Bool {
        var first = stat()
        var second = stat()
        return stat(left.string, &first) == 0 && stat(right.string, &second) == 0
            && first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Forgets those that are gone.
    func forgetFormerStates() throws {
        var record = try ResetRecord.load(paths)
        let left = record.former.filter {
            Files.exists(paths.deploy.appending($0.stateroot).appending($0.name))
        }
        guard left != record.former else { return }
        record.former = left
        try record.save(paths)
    }
}
