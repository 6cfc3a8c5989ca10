import Glibc
import LinuxSystem
import SystemPackage

extension SysrootReader {
    /// A factory reset that was switched to and is not complete, as the deployments' links tell it without its record:
    /// one deployment has the new /var, and the links of the others say what the old one is going to be called.
    ///
    /// What was to be kept is in the new /var by then. One that is only staged is not told: its links may be there, and
    /// what is to be kept is not known.
    /// - Throws: `SystemError`, `SysrootError`.
    public func resetByLinks() throws -> ResetRecord.Pending? {
        let states = StateFolders(paths)
        let report = readDeployments()
        let staged = try StagedDeployment.load(paths)?.name
        for stateroot in Set(report.deployments.map(\.stateroot)).sorted() {
            let new = paths.newState(of: stateroot)
            let own = report.deployments.filter { $0.stateroot == stateroot }
            let targets = own.filter { record in
                states.folder(of: record.name) == SysrootPaths.newStateName || record.isBooted && isPresentState(new)
            }
            guard let record = targets.first, targets.count == 1 else { continue }
            let target = record.name
            if target == staged, !record.isListed, !record.isBooted { continue }
            let others = own.map(\.name).filter { $0 != target && states.isDangling($0) }
            var status = stat()
            try retrying("examine", new.string) { lstat(new.string, &status) }
            return ResetRecord.Pending(
                target: target, inode: UInt64(status.st_ino),
                former: others.lazy.compactMap(states.named).first ?? "var.before-reset")
        }
        return nil
    }
}
