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
    public let waiting: @Sendable (String?) -> Void

    public init(
        root: FilePath, command: String = "hostctl verify", options: TransferOptions, wait: Double = 0,
        progress: @escaping ProgressHandler = { _ in }, waiting: @escaping @Sendable (String?) -> Void = { _ in }
    ) {
        paths = SysrootPaths(root: root)
        self.command = command
        self.options = options
        self.wait = wait
        self.progress = progress
        self.waiting = waiting
    }

    private var reader: SysrootReader { SysrootReader(root: paths.root) }

    /// Tells what is wrong; writes nothing but lock files.
    ///
    /// - Throws: `DeploymentError.notASysroot`, `StoreError`, `LockedError`, `SystemError`.
    public func verify() throws -> VerificationReport {
        guard reader.isSysroot else { throw DeploymentError.notASysroot(path: paths.root.string) }
        let store = try Store(opening: paths.repository)
        // While somebody deploys, half a deployment would be taken for damage.
        let change = try lockIfPossible(paths.lock)
        let collection = try lockIfPossible(store.path.appending(".lock"))
        defer {
            withExtendedLifetime(change) {}
            withExtendedLifetime(collection) {}
        }
        return try Inspection(reader, store, progress: progress).report
    }

    /// Whoever may only read, or has a disk that can only be read, verifies without keeping others out.
    private func lockIfPossible(_ path: FilePath) throws -> FileLock? {
        do {
            return try FileLock(path, .shared, seconds: wait, waiting: waiting)
        } catch let error as SystemError {
            let harmless: [Errno] = [.permissionDenied, .readOnlyFileSystem, .noSuchFileOrDirectory]
            guard harmless.contains(error.code) else { throw error }
            return nil
        }
    }

    /// Mends what can be mended, and tells what remains. Run again after an interruption, it goes on.
    ///
    /// Nothing is removed but the damaged inodes that whole ones have replaced, and damaged objects that nothing needs.
    /// - Throws: as `verify`; `TransferError` and others only when nothing could be done at all.
    public func repair() throws -> VerificationReport {
        guard reader.isSysroot else { throw DeploymentError.notASysroot(path: paths.root.string) }
        let store = try Store(opening: paths.repository)
        let holder = "\(command) (pid \(ProcessStart.id))"
        let downloads = try Downloads(paths).lock(holder, seconds: wait, waiting: waiting)
        defer { withExtendedLifetime(downloads) {} }
        return try SysrootRepair.run(root: paths.root, command: command, wait: wait, waiting: waiting) { sysroot in
            let first = try Inspection(reader, store, progress: progress)
            if first.report.findings.isEmpty {
                return first.report
            }
            return try mend(first, sysroot, store)
        }
    }

    private func mend(_ first: Inspection, _ sysroot: SysrootRepair, _ store: Store) throws -> VerificationReport {
        var repaired: [String] = []
        let objects = ObjectRepair(reader, store, options: options, progress: progress)
        let obstacle = try objects.run(first)
        repaired += try sysroot.run() + reader.repairState()
        var next = try Inspection(reader, store, progress: progress)
        let damaged = Set(next.condition.problems.map(\.name))
        let files = DeploymentRepair(paths, store)
        var isChanged = false
        for problem in next.comparison.problems where !problem.needs(damaged) {
            if try files.repair(problem) { isChanged = true }
        }
        for record in next.deployments where record.isListed {
            if try files.repairKernel(of: record) { isChanged = true }
        }
        if isChanged { next = try Inspection(reader, store, progress: progress) }
        var report = next.report
        let left = Set(report.findings.map(\.subject))
        report.repaired = first.report.findings.filter { !left.contains($0.subject) }.map(\.text) + repaired
        report.obstacle = obstacle
        try sysroot.refreshStatus()
        return report
    }
}
