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

    /// Nothing is removed: what nothing needs is left to a cleanup, which knows what that takes.
    ///
    /// - Parameter failed: called with what could not be mended for a reason of this host's, and why.
    /// - Returns: the worst of the reasons why objects could not be fetched; `nil` when there was no need, or those that
    ///   were not are simply not there.
    func run(_ inspection: Inspection, failed: (String, any Error) -> Void) -> (any ExplainedError)? {
        var wanted = Set(inspection.condition.problems.filter { $0.kind != .unreadable && $0.isNeeded }.map(\.name))
        wanted.formUnion(inspection.unsigned.map { ObjectName($0, .commit) })
        for (name, path) in inspection.comparison.sources where wanted.contains(name) {
            do {
                FaultPoint.reached("repair.before-adopt")
                try store.adopt(FilePath(path), as: name)
                FaultPoint.reached("repair.after-adopt")
                wanted.remove(name)
            } catch {
                failed("\(name)", error)  // the origin may have it
            }
        }
        if wanted.isEmpty { return nil }
        do { return try fetch(wanted, inspection) } catch {
            // What is local is mended all the same. A full disk or a lock is not the origin's fault.
            guard let error = error as? any ExplainedError, !Self.isLocal(error) else {
                failed("the store", error)
                return nil
            }
            return error
        }
    }

    private static func isLocal(_ error: any ExplainedError) -> Bool {
        error is SystemError || error is LockedError || error.category == .noSpace
    }

    /// Fetches in rounds: what was a gap tells, once it is filled, what else is missing.
    private func fetch(_ first: Set<ObjectName>, _ inspection: Inspection) throws -> (any ExplainedError)? {
        guard let following = try SysrootState.load(reader.paths) else {
            return UpdateError.noOrigin(sysroot: reader.paths.root.string)
        }
        let keys = try reader.trustedKeys()
        let client = ReleaseClient(origin: following.origin, keys: keys, options: options)
        let fetcher = ObjectFetcher(
            repository: OriginLayout(root: following.origin).place(of: OriginLayout.store), options: options,
            sizeLimit: try FileSystemSpace(at: store.path).bytes)
        let commits = Inspection.commits(inspection.refs, inspection.deployments)
        var wanted = first
        var tried = Set<ObjectName>()
        var obstacles: [any ExplainedError] = []
        while !wanted.isEmpty {
            tried.formUnion(wanted)
            for name in wanted where name.kind == .commit {
                do { try fetchCommit(name.checksum, client) } catch let error as any ExplainedError {
                    if error.category == .network || Self.isLocal(error) { throw error }
                    obstacles.append(error)
                }
            }
            let rest = wanted.filter { $0.kind != .commit }
            if !rest.isEmpty {
                let failures = try fetch(Array(rest), fetcher)
                obstacles += failures.sorted { $0.key.description < $1.key.description }.map(\.value)
            }
            let marks = try ObjectMarks(of: commits, in: store)
            wanted = marks.needed.subtracting(tried).subtracting(marks.optional).filter { !store.contains($0) }
        }
        return obstacles.worst
    }

    private func fetchCommit(_ checksum: Checksum, _ client: ReleaseClient) throws {
        let commit = try client.commit(checksum)
        let transaction = try StoreTransaction(store)
        try transaction.write(.commit, commit.bytes, expected: checksum, replacingDamaged: true)
        // The signatures first: a commit that is there is not looked for again.
        try store.setDetachedMetadata(commit.detachedMetadata, of: checksum)
        FaultPoint.reached("repair.before-commit")
        try transaction.commit()
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

extension [any ExplainedError] {
    /// The one whose kind matters most to whoever has to act: the first of its kind.
    var worst: (any ExplainedError)? {
        let order: [FailureCategory] = [.noSpace, .locked, .untrusted, .network, .needsReboot]
        return order.lazy.compactMap { kind in first { $0.category == kind } }.first ?? first
    }
}
