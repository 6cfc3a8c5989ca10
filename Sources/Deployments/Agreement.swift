import LinuxSystem
import OSTree
import Sysroots
import SystemPackage

extension SysrootChange {
    /// Loads the sysroot with libostree and compares its list with ours.
    ///
    /// libostree forgets deployments whose boot entries are gone, and the next write would make that final. So it
    /// may write only where both see the same: the same deployments in the same order, and no others on the disk
    /// but what an interrupted change of ours has left.
    /// - Throws: `DeploymentError.viewsDiffer`, `SysrootError.damagedState`, `SystemError`.
    ///
    /// Where the entries of a boot partition are the switch, libostree writes no list, and only what nobody could read
    /// is in the way.
    func requireAgreement() throws {
        if boot != nil { return try requireReadable() }
        do throws(OSTreeError) { try sysroot.load() } catch {
            if error.isOutOfSpace { throw error }  // it says nothing about the deployments
            throw DeploymentError.viewsDiffer(detail: error.message)
        }
        _ = try PendingChange.load(paths)  // an unreadable one excuses nothing
        let report = reader.readDeployments()
        let theirs = sysroot.deployments.map { "\($0.stateroot)/\($0.checksum).\($0.serial)" }
        let ours = report.listed.map(\.name.description)
        if let problem = report.allProblems.first(where: isBlocking) {
            throw DeploymentError.viewsDiffer(detail: problem.text)
        }
        guard ours == theirs else {
            throw DeploymentError.viewsDiffer(
                detail: "libostree lists \(theirs.count) deployments, and \(ours.count) can be found")
        }
    }

    private func requireReadable() throws {
        _ = try PendingChange.load(paths)
        _ = try StagedDeployment.load(paths)
        let problem = reader.readDeployments().allProblems.first {
            $0.kind == .unreadableFolder || $0.kind == .unmountedPartition
        }
        if let problem { throw DeploymentError.partitionUnreadable(detail: problem.text) }
    }

    private func isBlocking(_ problem: SysrootProblem) -> Bool {
        switch problem.kind {
        case .missingBootEntries, .damagedBootEntry, .duplicateBootEntry, .danglingBootLink, .missingFolder,
            .unreadableFolder, .unmountedPartition, .missingKernel, .damagedMirror:
            true
        // Without an origin file it was never finished: the half checkout of a stock tool, which cleans it up itself.
        case .unlistedFolder: Files.exists(FilePath("\(problem.path).origin"))
        case .interruptedChange, .damagedOrigin, .unreadableCommit, .unreadableKeys, .unreadableState, .damagedKernel:
            false
        }
    }
}
