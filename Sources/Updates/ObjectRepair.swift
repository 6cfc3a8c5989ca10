import Checksums
import Deployments
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import Signatures
import Sysroots
import SystemPackage
import Transfers

/// Puts whole objects in the place of damaged and missing ones: out of a deployment that still has the file, or from
/// the origin that the host follows.
struct ObjectRepair {
    private let reader: SysrootReader
    private let store: Store
    private let options: TransferOptions
    private let progress: ProgressHandler

    init(_ reader: SysrootReader, _ store: Store, options: TransferOptions, progress: @escaping ProgressHandler) {
        self.reader = reader
        self.store = store
        self.options = options
        self.progress = progress
    }

    /// - Returns: why objects could not be fetched; `nil` when there was no need, or those that were not are simply not
    ///   there.
    /// - Throws: `SystemError`, `StoreError`, `LockedError`.
    func run(_ inspection: Inspection) throws -> String? {
        let bad = inspection.condition.problems.filter { $0.kind != .unreadable }
        var wanted = Set(bad.filter(\.isNeeded).map(\.name))
        for (name, path) in inspection.comparison.sources where wanted.contains(name) {
            FaultPoint.reached("repair.before-adopt")
            try store.adopt(FilePath(path), as: name)
            FaultPoint.reached("repair.after-adopt")
            wanted.remove(name)
        }
        if inspection.condition.marks.gaps.isEmpty {
            for problem in bad where !problem.isNeeded { try Files.remove(store.path(of: problem.name)) }
        }
        if wanted.isEmpty { return nil }
        do { return try fetch(wanted, inspection) } catch let error as any ExplainedError {
            // What is local is mended all the same. A full disk is not the origin's fault.
            if error.category == .noSpace { throw error }
            return error.reason
        }
    }

    /// Fetches in rounds: what was a gap tells, once it is filled, what else is missing.
    private func fetch(_ first: Set<ObjectName>, _ inspection: Inspection) throws -> String? {
        guard let following = try SysrootState.load(reader.paths) else {
            return UpdateError.noOrigin(sysroot: reader.paths.root.string).reason
        }
        let keys = try reader.trustedKeys()
        let client = ReleaseClient(origin: following.origin, keys: keys, options: options)
        let fetcher = ObjectFetcher(
            repository: OriginLayout(root: following.origin).place(of: OriginLayout.store), options: options,
            sizeLimit: try FileSystemSpace(at: store.path).bytes)
        let commits = Inspection.commits(inspection.refs, inspection.deployments)
        var wanted = first
        var tried = Set<ObjectName>()
        var obstacle: String?
        while !wanted.isEmpty {
            tried.formUnion(wanted)
            for name in wanted where name.kind == .commit {
                do { try fetchCommit(name.checksum, client) } catch let error as any ExplainedError {
                    if error.category == .network || error.category == .noSpace { throw error }
                    obstacle = error.reason
                }
            }
            let rest = wanted.filter { $0.kind != .commit }
            if !rest.isEmpty {
                let failures = try fetch(Array(rest), fetcher)
                if let failure = failures.min(by: { $0.key.description < $1.key.description }) {
                    obstacle = failure.value.reason
                }
            }
            let marks = try ObjectMarks(of: commits, in: store)
            wanted = marks.needed.subtracting(tried).subtracting(marks.optional).filter { !store.contains($0) }
        }
        return obstacle
    }

    private func fetchCommit(_ checksum: Checksum, _ client: ReleaseClient) throws {
        let commit = try client.commit(checksum)
        let transaction = try StoreTransaction(store)
        try transaction.write(.commit, commit.bytes, expected: checksum, replacingDamaged: true)
        FaultPoint.reached("repair.before-commit")
        try transaction.commit()
        try store.setDetachedMetadata(commit.detachedMetadata, of: checksum)
        FaultPoint.reached("repair.after-commit")
    }

    private func fetch(_ names: [ObjectName], _ fetcher: ObjectFetcher) throws -> [ObjectName: any ExplainedError] {
        let transaction = try StoreTransaction(store)
        let failures = try fetcher.refetch(names, into: transaction, progress: progress)
        FaultPoint.reached("repair.before-objects")
        try transaction.commit()
        FaultPoint.reached("repair.after-objects")
        return failures
    }
}
