import BootLoaders
import Checksums
import EtcMerges
import Glibc
import LinuxSystem
import OSTree
import ObjectFormats
import ObjectStorage
import Sysroots
import SystemPackage

// Making deployments on a host that has a boot partition. libostree only checks out; link, kernel, entry and list are
// ours.

extension SysrootChange {
    /// Makes a deployment. On the running host it is staged, and the next shutdown switches to it; elsewhere it gets its
    /// entry at once.
    func deploy(_ request: DeployRequest, by boot: BootSwitch) throws -> DeploymentRecord {
        if let record = finished(request) { return record }
        try secureFallback(by: boot)
        let plan = try plan(request, by: boot)
        let isStaging = reader.readDeployments().isRunning
        let staged = try StagedDeployment.load(paths)
        var pending = plan.pending
        pending.action = isStaging ? .stage : .deploy
        if isStaging { pending.dropping = [] }
        if let staged { pending.dropping.append(staged.name) }
        try guardListed(by: boot)
        do {
            try checkOut(plan, request, pending)
            try boot.prepare(pending.target, plan.kernel)
            FaultPoint.reached("stage.after-prepare")
            try boot.testWriting()
            try boot.rehearse(
                pending.target, plan.bootChecksum, title: plan.title, arguments: plan.kernelArguments)
            // Conflicts are told now, while somebody looks.
            if isStaging, let source = plan.source { try planEtc(from: source.name, into: pending.target, request) }
            if isStaging {
                try StagedDeployment(
                    pending.target, merging: plan.source?.name, title: plan.title, arguments: plan.kernelArguments,
                    policy: request.etcPolicy.rawValue, resetting: request.resetting?.map { "\($0)" }, command: command,
                    time: Int64(time(nil))
                ).save(paths)
                FaultPoint.reached("stage.after-record")
            } else {
                if let source = plan.source { try mergeEtc(from: source.name, into: pending.target, request) }
                try writeKeys(request.trustedKeys, pending.target)
                try makeCheckoutDurable()
                if request.resetting == nil, let source = plan.source {
                    try inheritState(from: source.name, to: pending.target)
                }
                FaultPoint.reached("deploy.before-switch")
                try boot.activate(
                    pending.target, plan.bootChecksum, title: plan.title, arguments: plan.kernelArguments,
                    tries: boot.configuration.tries)
                FaultPoint.reached("deploy.after-switch")
                if staged != nil { try StagedDeployment.clear(paths) }
            }
        } catch {
            try abandon(after: error)
        }
        try removeDropped(pending)
        // A factory reset may have been staged instead.
        if try ResetRecord.load(paths).pending?.target != pending.target { try completeReset() }
        let action: HistoryEntry.Action = isStaging ? .stage : plan.source == nil ? .install : .deploy
        let record = try finish(action, pending.target)
        try PendingChange.clear(paths)
        return record
    }

    /// What an interrupted turn has already come to, when it is asked for again.
    private func finished(_ request: DeployRequest) -> DeploymentRecord? {
        guard let completed, completed.isAdding, completed.target.checksum == request.commit,
            let record = reader.report().deployments.first(where: { $0.name == completed.target }),
            record.refspec == request.refspec
        else { return nil }
        self.completed = nil
        return record
    }

    /// Keeps stock tools off deployments that were made before the host had a boot partition, and puts down what their
    /// kernels are.
    func guardListed(by boot: BootSwitch) throws {
        for record in reader.readDeployments().listed where !record.isGuarded && record.problems.isEmpty {
            guard record.bootChecksum == nil || !record.isPinned else { continue }
            let checksum = try record.bootChecksum ?? boot.kernel(of: record.name).bootChecksum
            try OriginText.setGuarded(!record.isPinned, bootChecksum: checksum, of: record.name, in: paths)
        }
    }

    /// Settles what the deployment will be; with `prunes`, after making room for its kernel.
    private func plan(_ request: DeployRequest, by boot: BootSwitch) throws -> DeploymentPlan {
        for staged in [false, true] {
            do { return try DeploymentPlan(request, self) } catch let error as DeploymentError {
                // What would not be enough is not removed for nothing.
                guard request.prunes, case .bootPartitionFull(_, let needed, let available, let prunable, _) = error,
                    available + prunable >= needed
                else { throw error }
                try prune(by: boot, staged: staged)
            }
        }
        return try DeploymentPlan(request, self)
    }

    /// Checks the commit out with the image's own /etc, lists it where stock tools look, and flushes it all.
    private func checkOut(_ plan: DeploymentPlan, _ request: DeployRequest, _ pending: PendingChange) throws {
        let name = pending.target
        try forgetBoots(of: name)
        try pending.save(paths)
        FaultPoint.reached("deploy.before-lease")
        try store.setRef(name.lease, to: name.checksum)
        FaultPoint.reached("deploy.after-lease")
        try writeMirror()
        do throws(OSTreeError) { try sysroot.load() } catch {
            if error.isOutOfSpace { throw error }
            throw DeploymentError.unloadable(detail: error.message)
        }
        FaultPoint.reached("deploy.before-checkout")
        let new = try sysroot.deployTree(
            name.checksum.hex, stateroot: name.stateroot, origin: plan.origin, merging: nil,
            kernelArguments: plan.kernelArguments)
        guard new.serial == name.serial else {
            throw DeploymentError.viewsDiffer(detail: "libostree made the deployment \(new.serial) of this commit")
        }
        FaultPoint.reached("deploy.after-checkout")
        try makeCheckoutDurable()
        try writeMirror(adding: name)
        FaultPoint.reached("deploy.after-mirror")
    }

    /// What became of boots of a former deployment of the same name says nothing about the new one.
    private func forgetBoots(of name: DeploymentName) throws {
        let present: BootRecords
        do { present = try BootRecords.load(paths) } catch is SysrootError { return }
        var records = present
        records.forget(name)
        if records != present { try records.save(paths) }
    }

    /// Everything on the sysroot's file system is on the disk before anything names it.
    func makeCheckoutDurable() throws {
        try Descriptor(opening: paths.root.appending("ostree").string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
    }

    /// Brings the list of stock tools to our order: entries, then what is staged or being made.
    ///
    /// - Parameter gone: what is about to be removed.
    func writeMirror(adding name: DeploymentName? = nil, without gone: Set<DeploymentName> = []) throws {
        guard let boot else { return }
        let report = reader.readDeployments()
        var records = report.listed + [report.staged].compactMap { $0 }
        if let name, !records.contains(where: { $0.name == name }) {
            records += report.deployments.filter { $0.name == name }
        }
        let present = records.filter { !gone.contains($0.name) && Files.isFolder(paths.folder(of: $0.name)) }
        let entries = try present.map { record in
            LibraryMirror.Entry(
                name: record.name,
                bootChecksum: try record.bootChecksum ?? boot.kernel(of: record.name).bootChecksum,
                title: record.stateroot, arguments: record.kernelArguments)
        }
        try LibraryMirror(paths).write(entries, without: gone)
    }

    /// The same after a switch, where nothing depends on it any more: the next change makes up for a failure.
    func refreshMirror() {
        do { try writeMirror() } catch {}
    }
}
