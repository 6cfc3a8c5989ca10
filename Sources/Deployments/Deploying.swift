import BootLoaders
import Checksums
import Glibc
import LinuxSystem
import OSTree
import ObjectFormats
import ObjectStorage
public import Sysroots
import SystemPackage

extension SysrootChange {
    /// Makes a commit the default deployment, with the previous default as rollback.
    ///
    /// Either the old deployments boot or the new ones, wherever this is interrupted. Kept are the new one, the
    /// previous default, the booted one, those that are or may be pinned, and those of other stateroots; the rest is
    /// removed after the switch. Asked again for what an interrupted turn has already switched to, it only completes that.
    /// - Returns: the new deployment.
    /// - Throws: `DeploymentError`, `StoreError`, `OSTreeError`, `SystemError`. Nothing has changed then, except
    ///   when the removal after the switch failed: that is completed by the next turn.
    public func deploy(_ request: DeployRequest) throws -> DeploymentRecord {
        if let boot { return try deploy(request, by: boot) }
        if let completed, completed.action == .deploy, completed.target.checksum == request.commit,
            let record = reader.report().deployments.first(where: { $0.name == completed.target }),
            record.refspec == request.refspec
        {
            self.completed = nil
            return record
        }
        let plan = try DeploymentPlan(request, self)
        do {
            try make(plan, request)
        } catch {
            try abandon(after: error)
        }
        let action: HistoryEntry.Action = plan.source == nil ? .install : .deploy
        try removeDropped(plan.pending)
        let record = try finish(action, plan.pending.target)
        try PendingChange.clear(paths)
        return record
    }

    /// Everything up to the switch.
    private func make(_ plan: DeploymentPlan, _ request: DeployRequest) throws {
        let name = plan.pending.target
        let listed = listed()
        let kept = plan.kept.compactMap { kept in listed.first { $0.record.name == kept.name }?.deployment }
        try plan.pending.save(paths)
        FaultPoint.reached("deploy.before-lease")
        try store.setRef(name.lease, to: name.checksum)
        FaultPoint.reached("deploy.after-lease")
        FaultPoint.reached("deploy.before-checkout")
        let new = try sysroot.deployTree(
            name.checksum.hex, stateroot: name.stateroot, origin: plan.origin, merging: nil,
            kernelArguments: plan.kernelArguments)
        guard new.serial == name.serial else {
            throw DeploymentError.viewsDiffer(detail: "libostree made the deployment \(new.serial) of this commit")
        }
        FaultPoint.reached("deploy.before-merge")
        if let source = plan.source { try mergeEtc(from: source.name, into: name, request) }
        FaultPoint.reached("deploy.after-merge")
        try writeKeys(request.trustedKeys, name)
        FaultPoint.reached("deploy.after-checkout")
        FaultPoint.reached("deploy.before-switch")
        try sysroot.write([new] + kept)
        FaultPoint.reached("deploy.after-switch")
    }

    /// Removes what a failed change has made, and throws the error that made it fail.
    func abandon(after error: any Error) throws -> Never {
        // What cannot be removed now is still named in the pending change, and the next turn removes it.
        do {
            try requireAgreement()
            try completeInterrupted()
        } catch {}
        throw error
    }

    /// Makes or enters a folder of the new deployment. A link is refused: the image would choose where on this host
    /// is written.
    private static func makeFolder(_ name: String, in parent: FilePath) throws -> FilePath {
        let path = parent.appending(name)
        let folder = try Descriptor(opening: parent.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        if mkdirat(folder.raw, name, 0o755) != 0, errno != EEXIST { throw SystemError("make the folder", path.string) }
        do throws(SystemError) {
            _ = try Descriptor(opening: name, relativeTo: folder.raw, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        } catch {
            guard error.code == .notDirectory || error.code == .tooManySymbolicLinkLevels else { throw error }
            throw DeploymentError.notDeployable(detail: "\(path) is not a folder")
        }
        return path
    }

    /// Keys given at installation become a local change of /etc, which every later deployment takes over.
    func writeKeys(_ keys: [(name: String, pem: String)], _ name: DeploymentName) throws {
        if keys.isEmpty { return }
        var folder = paths.folder(of: name)
        for part in ["etc", "hostctl", "trusted-keys.d"] { folder = try Self.makeFolder(part, in: folder) }
        for key in keys {
            try Files.replace(folder.appending(key.name), with: Array(key.pem.utf8), mode: 0o644)
        }
    }
}

/// What a deployment will be, settled before the first write.
struct DeploymentPlan {
    let pending: PendingChange
    /// The deployments that stay, in their order.
    let kept: [DeploymentRecord]
    /// Whose /etc is carried over.
    let source: DeploymentRecord?
    let kernelArguments: [String]
    /// What the boot menu shows.
    let title: String
    let bootChecksum: String?
    /// What the boot partition has of its kernel, where there is one.
    let kernel: KernelAddition?
    let origin: KeyFile

    init(_ request: DeployRequest, _ change: SysrootChange) throws {
        for key in request.trustedKeys where !SysrootChange.isName(key.name) || !key.name.hasSuffix(".pem") {
            throw DeploymentError.invalidName(key.name)
        }
        let report = change.reader.readDeployments()
        guard let stateroot = request.stateroot ?? report.nextBoot?.stateroot else {
            throw DeploymentError.notASysroot(path: change.paths.root.string)
        }
        guard SysrootChange.isName(stateroot), Files.isFolder(change.paths.deploy.appending(stateroot)) else {
            throw DeploymentError.invalidName(stateroot)
        }
        let commit = try change.store.commit(request.commit)
        let contents = try ImageContents(commit, in: change.store)
        try SpaceCheck(change.paths).require(contents, stateroot: stateroot, hasPartition: change.boot != nil)
        kernel = try change.boot?.requireSpace(for: contents.kernel, in: change.store, report, stateroot: stateroot)

        // The /etc of what runs is the one that people edit; of a sysroot that does not run, the default's.
        // A boot entry is not needed for that.
        let own = report.listed.filter { $0.stateroot == stateroot }
        source =
            report.booted.flatMap { $0.stateroot == stateroot ? $0 : nil } ?? own.first(where: \.hasFolder) ?? own.first
        for argument in request.kernelArguments { try KernelArguments.validate(argument) }
        // Those of the next boot: what was changed since the last one is in them, or is staged.
        let next = report.staged.flatMap { $0.stateroot == stateroot ? $0 : nil } ?? own.first
        kernelArguments =
            try request.exactKernelArguments
            ?? KernelArguments.merged(
                host: next?.kernelArguments ?? [],
                oldImage: next.map { try Self.imageArguments($0.checksum, change) } ?? [],
                newImage: ImageArguments.read(commit, in: change.store), added: request.kernelArguments)
        let retained = report.retained(in: stateroot, lastGood: LastGood.read(change.paths))
        kept = report.listed.filter { retained.contains($0.name) }
        let dropped = report.listed.filter { !retained.contains($0.name) }
        pending = PendingChange(
            .deploy, try Self.newName(stateroot, request.commit, change), dropping: dropped.map(\.name),
            kernels: (dropped.map { ($0.stateroot, $0.bootChecksum) } + [(stateroot, contents.kernel.bootChecksum)])
                .compactMap { stateroot, checksum in checksum.map { "\(stateroot)-\($0)" } })
        title = "\(commit.channel ?? stateroot) \(commit.version ?? String(request.commit.hex.prefix(12)))"
        bootChecksum = contents.kernel.bootChecksum
        origin = Self.origin(
            request, commit, command: change.command,
            guardedWith: change.boot == nil ? nil : contents.kernel.bootChecksum)
    }

    /// The arguments that a deployment's image brought; none when its commit is gone.
    private static func imageArguments(_ checksum: Checksum, _ change: SysrootChange) throws -> [String] {
        do { return try ImageArguments.read(change.store.commit(checksum), in: change.store) } catch is StoreError {
            return []
        } catch DeploymentError.notDeployable {
            // Its files were understood by the hostctl that deployed it; this one knows those of the commit.
            return try change.store.commit(checksum).strings(Commit.Key.kernelArguments)
        }
    }

    /// The next free serial, as libostree chooses it too.
    static func newName(
        _ stateroot: String, _ commit: Checksum, _ change: SysrootChange
    ) throws -> DeploymentName {
        let serials = change.reader.readDeployments().deployments.map(\.name)
            .filter { $0.stateroot == stateroot && $0.checksum == commit }.map(\.serial)
        // libostree counts in 32 bits.
        guard let last = serials.max() else { return DeploymentName(stateroot: stateroot, checksum: commit, serial: 0) }
        guard last < Int32.max else {
            throw DeploymentError.viewsDiffer(detail: "no serial can follow that of \(stateroot)/\(commit).\(last)")
        }
        return DeploymentName(stateroot: stateroot, checksum: commit, serial: last + 1)
    }

    /// - Parameter bootChecksum: that of the kernel, for a deployment that stock tools must not remove on their own: to
    ///   them it is pinned.
    private static func origin(
        _ request: DeployRequest, _ commit: Commit, command: String, guardedWith bootChecksum: String?
    ) -> KeyFile {
        var values = [(key: "command", value: command), (key: "deployed", value: String(time(nil)))]
        if let channel = commit.channel { values.append((key: "channel", value: channel)) }
        if let version = commit.version { values.append((key: "version", value: version)) }
        var groups: [KeyFile.Group] = [.init("origin", [(key: "refspec", value: request.refspec)])]
        if let bootChecksum {
            values += [(key: "boot-checksum", value: bootChecksum), (key: "guarded", value: "true")]
            groups.append(.init("libostree-transient", [(key: "pinned", value: "true")]))
        }
        return KeyFile(groups + [.init("hostctl", values)])
    }
}
