import Glibc
import LinuxSystem
import SystemPackage

/// What the deployments' links to their /var tell of factory resets, where `reset.json` does not.
extension SysrootReader {
    /// A record with what it lacks of a reset that was switched to and is not complete, and of folders that were /var.
    ///
    /// A reset that is only staged is not told: its links may be there, and what is to be kept is not known. Otherwise
    /// that is in the new /var by then.
    /// - Throws: `SystemError`, `SysrootError`.
    public func complete(_ record: ResetRecord) throws -> ResetRecord {
        var record = record
        let names = Set(readDeployments().deployments.map(\.name))
        let states = StateFolders(paths)
        if record.pending == nil { record.pending = try resetByLinks() }
        for name in names.sorted(by: { "\($0)" < "\($1)" }) {
            let former = ResetRecord.Former(stateroot: name.stateroot, name: states.folder(of: name))
            let isAwaited = record.pending?.target.stateroot == name.stateroot && record.pending?.former == former.name
            if StateFolders.isFormer(former.name), !isAwaited, !record.former.contains(former) {
                record.former.append(former)
            }
        }
        return record
    }

    private func resetByLinks() throws -> ResetRecord.Pending? {
        let report = readDeployments()
        let staged = try StagedDeployment.load(paths)?.name
        for stateroot in Set(report.deployments.map(\.stateroot)).sorted() {
            let new = paths.newState(of: stateroot)
            let own = report.deployments.filter { $0.stateroot == stateroot }
            let targets = own.filter { record in
                let isSwitched = record.name != staged || record.isListed || record.isBooted
                return isSwitched
                    && (StateFolders(paths).folder(of: record.name) == SysrootPaths.newStateName
                        || record.isBooted && isPresentState(new))
            }
            guard let target = (targets.first { $0.isBooted } ?? targets.first)?.name else { continue }
            var status = stat()
            try retrying("examine", new.string) { lstat(new.string, &status) }
            let former = try formerByLinks(besides: Set(targets.map(\.name)), own.map(\.name), stateroot)
            return ResetRecord.Pending(target: target, inode: UInt64(status.st_ino), former: former)
        }
        return nil
    }

    /// What the links of the others say the old /var is going to be called; where none of them has `var` any more, whatever
    /// has been made there since, what it is called already.
    private func formerByLinks(
        besides targets: Set<DeploymentName>, _ names: [DeploymentName], _ stateroot: String
    ) throws -> String {
        let states = StateFolders(paths)
        let others = names.filter { !targets.contains($0) }
        let isRenamed =
            !Files.exists(paths.state(of: stateroot))
            || !others.contains { states.folder(of: $0) == StateFolders.usual }
        let found = others.filter { isRenamed || states.isDangling($0) }
            .compactMap(states.named).filter(StateFolders.isFormer)
        return try found.first ?? paths.freeStateName("var.before-reset", in: stateroot)
    }
}
