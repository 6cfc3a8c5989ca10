import Checksums
import Glibc
public import LinuxSystem
public import ObjectFormats
public import ObjectStorage
public import Sysroots
import SystemPackage

/// A file or folder of a deployment that is not what its commit says.
public struct FileProblem: Sendable, Hashable {
    /// The raw values are part of the JSON format.
    public enum Kind: String, Sendable {
        case missing = "missing-file"
        case extra = "extra-file"
        /// Its content, type, owner, permissions or extended attributes.
        case changed = "changed-file"
        case unreadable = "unreadable-file"
    }

    /// What it should be.
    enum Expected: Hashable, Sendable {
        case file(Checksum)
        case folder(tree: Checksum, metadata: Checksum)
        case nothing
        /// Nothing: a repair that was killed has left it.
        case leftover
    }

    public let kind: Kind
    public let deployment: DeploymentName
    /// In the deployment, as `/usr/bin/x`.
    public let path: String
    /// What is different.
    public let detail: String
    let expected: Expected

    /// Whether one of these objects would be needed to put it right: for a folder that is missing, any below it.
    ///
    /// - Parameter store: where the trees are; one that cannot be read counts as needed and damaged.
    public func needs(_ objects: Set<ObjectName>, in store: Store) -> Bool {
        switch expected {
        case .nothing, .leftover: false
        case .file(let checksum): objects.contains(ObjectName(checksum, .file))
        case .folder(let tree, let metadata):
            objects.contains(ObjectName(metadata, .dirmeta))
                || kind == .missing && !objects.isEmpty && Self.needs(objects, tree, store)
        }
    }

    private static func needs(_ objects: Set<ObjectName>, _ tree: Checksum, _ store: Store) -> Bool {
        guard !objects.contains(ObjectName(tree, .dirtree)) else { return true }
        do {
            let contents = try store.tree(tree)
            return contents.files.contains { objects.contains(ObjectName($0.checksum, .file)) }
                || contents.folders.contains {
                    objects.contains(ObjectName($0.metadata, .dirmeta)) || needs(objects, $0.tree, store)
                }
        } catch {
            return true
        }
    }
}

/// The condition of deployments: every file compared with its commit. `/etc` and `/var` are the host's own.
public struct DeploymentVerification: Sendable {
    /// Files and folders that were compared.
    public let files: Int
    /// By deployment and path.
    public let problems: [FileProblem]
    /// Files of deployments that are what an object should be that the store lacks, or has damaged.
    public let sources: [ObjectName: String]

    /// Compares deployments with their commits. A file that is the inode of its object is what the object is; others
    /// are hashed.
    ///
    /// - Parameters:
    ///   - names: deployments whose folders exist.
    ///   - store: what `condition` is of.
    /// - Throws: `SystemError` when no thread can be started.
    public init(
        of names: [DeploymentName], paths: SysrootPaths, store: Store, condition: StoreVerification,
        workers: Int = Workers.processorCount, progress: @escaping ProgressHandler = { _ in }
    ) throws {
        let comparison = Comparison(store, condition, paths)
        for name in names { comparison.add(name) }
        try Workers.run(workers) { _, stop in
            defer { comparison.queue.close() }
            let worker = ComparisonWorker(comparison)
            while !stop.isSet, let folder = comparison.queue.next() {
                worker.compare(folder)
                comparison.queue.finished()
                progress(ProgressReport("verifying deployments", done: Int64(comparison.findings.with { $0.files })))
            }
        }
        let findings = comparison.findings.with { $0 }
        files = findings.files
        problems = findings.problems.sorted {
            ($0.deployment.description, $0.path) < ($1.deployment.description, $1.path)
        }
        sources = findings.sources
    }
}

/// A folder of a deployment and what it should be.
struct ComparedFolder: Sendable {
    let deployment: DeploymentName
    /// From the deployment's root, empty for it.
    let path: String
    let tree: Checksum
    let metadata: Checksum
}

/// What all workers share.
final class Comparison: Sendable {
    struct Findings: Sendable {
        var files = 0
        var problems: [FileProblem] = []
        var sources: [ObjectName: String] = [:]
    }

    let store: Store
    let condition: StoreVerification
    let paths: SysrootPaths
    let queue = WorkQueue<ComparedFolder>()
    let findings = Guarded(Findings())

    init(_ store: Store, _ condition: StoreVerification, _ paths: SysrootPaths) {
        self.store = store
        self.condition = condition
        self.paths = paths
    }

    /// A deployment whose commit cannot be read cannot be compared; that was found in the store.
    func add(_ name: DeploymentName) {
        do {
            let commit = try store.commit(name.checksum)
            queue.add([
                ComparedFolder(deployment: name, path: "", tree: commit.rootTree, metadata: commit.rootMetadata)
            ])
        } catch {}
    }
}
