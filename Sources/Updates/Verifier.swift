import Checksums
import Deployments
public import LinuxSystem
import ObjectFormats
import ObjectStorage
public import Sysroots
public import SystemPackage
public import Transfers

/// Checks a sysroot's store, deployments and state, and mends what can be mended.
public struct Verifier {
    public let paths: SysrootPaths
    /// As `hostctl verify`.
    public let command: String
    public let options: TransferOptions
    /// Seconds to wait for another process that changes the sysroot.
    public let wait: Double
    public let progress: ProgressHandler
    public let notices: Notices

    public init(
        root: FilePath, command: String = "hostctl verify", options: TransferOptions, wait: Double = 0,
        progress: @escaping ProgressHandler = { _ in }, notices: Notices = Notices()
    ) {
        paths = SysrootPaths(root: root)
        self.command = command
        self.options = options
        self.wait = wait
        self.progress = progress
        self.notices = notices
    }

    private var reader: SysrootReader { SysrootReader(root: paths.root) }

    /// Tells what is wrong; writes nothing but lock files.
    ///
    /// - Throws: `DeploymentError.notASysroot`, `StoreError`, `LockedError`, `SystemError`.
    public func verify() throws -> VerificationReport {
        guard reader.isSysroot else { throw DeploymentError.notASysroot(path: paths.root.string) }
        let store = try Store(opening: paths.repository)
        // Who would be turned away in the end need not wait for it.
        _ = try lockIfPossible(paths.lock, seconds: wait)
        let hashing = try StoreHashing(store, progress: progress)
        // While somebody deploys, half a deployment would be taken for damage.
        let change = try lockIfPossible(paths.lock, seconds: max(wait, Self.patience))
        let collection = try lockIfPossible(store.path.appending(".lock"), seconds: max(wait, Self.patience))
        defer {
            withExtendedLifetime(change) {}
            withExtendedLifetime(collection) {}
        }
        return try Inspection(reader, store, hashing, progress: progress).report
    }

    /// Hashing takes minutes and no lock, so that nobody waits for it; what it found is not thrown away because
    /// somebody changes something just when it is done.
    private static let patience = 30.0

    /// Whoever may only read, or has a disk that can only be read, verifies without keeping others out.
    private func lockIfPossible(_ path: FilePath, seconds: Double) throws -> FileLock? {
        do {
            return try FileLock(path, .shared, seconds: seconds, waiting: notices.waiting)
        } catch let error as SystemError {
            let harmless: [Errno] = [.permissionDenied, .readOnlyFileSystem, .noSuchFileOrDirectory]
            guard harmless.contains(error.code) else { throw error }
            return nil
        }
    }

    /// Mends what can be mended, and tells what remains. Run again after an interruption, it goes on.
    ///
    /// Nothing is removed but the damaged inodes that whole ones have replaced. What cannot be repaired does not keep
    /// the rest from it. A failure is remembered where `status` shows it.
    /// - Throws: as `verify`, when nothing could be done at all.
    public func repair() throws -> VerificationReport {
        guard reader.isSysroot else { throw DeploymentError.notASysroot(path: paths.root.string) }
        do {
            let report = try repairLocked()
            if let failure = report.failure {
                try SysrootChange.remember(failure, command: command, paths: paths)
            } else if report.findings.isEmpty, try isLastFailure() {
                try FailureRecord.clear(paths)
                try StatusFile(paths).write(reader.report())
            }
            return report
        } catch {
            try SysrootChange.remember(error, command: command, paths: paths)
            throw error
        }
    }

    /// Whether what `status` shows is a repair's failure; what cannot be read is none.
    private func isLastFailure() throws -> Bool {
        do { return try FailureRecord.load(paths)?.command == command } catch is SysrootError { return false }
    }

    private func repairLocked() throws -> VerificationReport {
        let store = try Store(opening: paths.repository)
        let holder = "\(command) (pid \(ProcessStart.id))"
        _ = try Downloads(paths).lock(holder, seconds: wait, waiting: notices.waiting)
        _ = try lockIfPossible(paths.lock, seconds: wait)
        let hashing = try StoreHashing(store, progress: progress)
        let seconds = max(wait, Self.patience)
        let downloads = try Downloads(paths).lock(holder, seconds: seconds, waiting: notices.waiting)
        defer { withExtendedLifetime(downloads) {} }
        return try SysrootRepair.run(root: paths.root, command: command, wait: seconds, notices: notices) { sysroot in
            let first = try Inspection(reader, store, hashing, progress: progress)
            if first.report.findings.isEmpty {
                return first.report
            }
            return try mend(first, sysroot, store)
        }
    }

    private func mend(_ first: Inspection, _ sysroot: SysrootRepair, _ store: Store) throws -> VerificationReport {
        var failures: [RepairFailure] = []
        let objects = ObjectRepair(reader, store, options: options, progress: progress)
        let obstacle = objects.run(first) { failures.append(RepairFailure(subject: $0, error: $1)) }
        var repaired = sysroot.run { failures.append(RepairFailure(subject: $0, error: $1)) }
        do { repaired += try reader.repairState() } catch {
            failures.append(RepairFailure(subject: paths.state.string, error: error))
        }
        var next = try Inspection(reader, store, first.hashing, progress: progress)
        if mendFiles(of: next, store, &failures) {
            next = try Inspection(reader, store, next.hashing, progress: progress)
        }
        do { try sysroot.refreshStatus() } catch {
            failures.append(RepairFailure(subject: paths.state.appending("status").string, error: error))
        }
        var report = next.report
        let left = Set(report.findings.map(\.subject))
        report.repaired = first.report.findings.filter { !left.contains($0.subject) }.map(\.text) + repaired
        // An object that could not be adopted may have been fetched.
        failures.removeAll { failure in
            first.condition.problems.contains { "\($0.name)" == failure.subject } && !left.contains(failure.subject)
        }
        report.add(failures)
        report.obstacle = obstacle?.reason
        report.failure = ([obstacle].compactMap { $0 } + failures.compactMap { $0.error as? any ExplainedError }).worst
        return report
    }

    /// - Returns: whether anything was changed.
    private func mendFiles(of inspection: Inspection, _ store: Store, _ failures: inout [RepairFailure]) -> Bool {
        let damaged = Set(inspection.condition.problems.map(\.name))
        let files = DeploymentRepair(paths, store)
        var isChanged = false
        for problem in inspection.comparison.problems where !problem.needs(damaged, in: store) {
            do { if try files.repair(problem) { isChanged = true } } catch {
                isChanged = true  // as far as it came
                failures.append(RepairFailure(subject: problem.subject, error: error))
            }
        }
        for record in inspection.deployments where record.isListed {
            do { if try files.repairKernel(of: record) { isChanged = true } } catch {
                isChanged = true
                let subject = record.bootChecksum.map {
                    paths.bootKernel(of: record, $0)
                }
                failures.append(RepairFailure(subject: subject?.string ?? "\(record.name)", error: error))
            }
        }
        return isChanged
    }
}
