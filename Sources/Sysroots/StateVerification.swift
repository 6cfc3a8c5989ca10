import BootLoaders
import LinuxSystem
import SystemPackage
import TrustMetadata

extension SysrootReader {
    /// The files of hostctl's own state that are not what hostctl writes there; read strictly, where `report` reads on.
    public func stateProblems() -> [SysrootProblem] {
        var problems: [SysrootProblem] = []
        func check(_ path: FilePath, _ body: () throws -> Void) {
            do { try body() } catch {
                let text = (error as? any ExplainedError)?.reason ?? "\(error)"
                problems.append(SysrootProblem(.unreadableState, path: path.string, text))
            }
        }
        check(SysrootState.path(in: paths)) { _ = try SysrootState.load(paths) }
        check(FailureRecord.path(in: paths)) { _ = try FailureRecord.load(paths) }
        check(RestartRequest.path(in: paths)) { _ = try RestartRequest.load(paths) }
        check(PendingChange.path(in: paths)) { _ = try PendingChange.load(paths) }
        check(BootConfiguration.path(in: paths)) { _ = try BootConfiguration.load(paths) }
        check(StagedDeployment.path(in: paths)) { _ = try StagedDeployment.load(paths) }
        check(ResetRecord.path(in: paths)) {
            let record = try ResetRecord.load(paths)
            if try complete(record) != record {
                let detail = "it does not tell of a factory reset whose folders are there"
                throw SysrootError.damagedState(path: ResetRecord.path(in: paths).string, detail: detail)
            }
        }
        check(RevokedKeys.path(in: paths)) { _ = try RevokedKeys.load(paths) }
        let status = StatusFile(paths)
        check(status.path) { try status.requireReadable() }
        let history = History(paths)
        check(history.path) { try history.requireReadable() }
        return problems
    }

    /// Makes anew what the rest tells: the status file, records of a failure or a restart that cannot be read, and the history
    /// without lines that cannot.
    ///
    /// - Returns: what was made anew.
    /// - Throws: `SystemError`.
    public func repairState() throws -> [String] {
        var repaired: [String] = []
        for problem in stateProblems() {
            switch FilePath(problem.path).lastComponent?.string {
            case "failure.json": try FailureRecord.clear(paths)
            case "restart.json": try RestartRequest.clear(paths)
            case "history.jsonl": try History(paths).dropUnreadable()
            case "status": try StatusFile(paths).write(report())
            default: continue
            }
            repaired.append("\(problem.path) was made anew")
        }
        return repaired
    }
}
