public import Archives
import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
public import ObjectStorage

/// Makes a host image of a root filesystem that others made.
public struct ImageImporter: Sendable {
    let limits: ArchiveLimits
    let progress: @Sendable (BuildProgress) -> Void

    /// - Parameters:
    ///   - limits: what an archive may have at most.
    ///   - progress: called from any thread.
    public init(limits: ArchiveLimits = ArchiveLimits(), progress: @escaping @Sendable (BuildProgress) -> Void) {
        self.limits = limits
        self.progress = progress
    }

    /// Imports, converts and checks a tree, commits it and points its ref at it.
    ///
    /// Archives are never unpacked to a tree: what their files hold streams into the store, names and attributes stay in
    /// memory. Nothing is committed when anything fails.
    /// - Parameter lint: which checks to make, and how strictly.
    /// - Throws: `ArchiveError`, `RegistryError`, `ImageError`; `StoreError`, `SystemError`.
    public func run(
        _ source: ImportSource, as identity: ImageIdentity, into store: Store, lint: LintPolicy
    ) throws -> BuiltImage {
        guard geteuid() == 0 else { throw ImageError.needsRoot }
        let sourceDate = try BuildEnvironment.sourceDate()
        progress(.began(.reading))
        let transaction = try StoreTransaction(store)
        let progress = progress
        let imported = try ImportedTree(
            source, for: identity.architecture, into: transaction, limits: limits
        ) { progress(.read($0)) }
        progress(.began(.conversion))
        let converted = try Self.convert(imported.tree)
        let report = try Linter(policy: lint).check(LintSubject(imported.tree))
        try report.requireSuccess()
        let timestamp = sourceDate ?? imported.timestamp ?? UInt64(Glibc.time(nil))
        return try commit(imported.tree, converted, identity, transaction, timestamp, report)
    }

    private static func convert(_ tree: TreeFolder) throws -> TreeConversion.Result {
        if PreparedTree.isPrepared(tree) { return try PreparedTree.examine(tree) }
        return try TreeConversion.convert(tree, needsPackages: false)
    }

    private func commit(
        _ tree: TreeFolder, _ converted: TreeConversion.Result, _ identity: ImageIdentity,
        _ transaction: StoreTransaction, _ timestamp: UInt64, _ lint: LintReport
    ) throws -> BuiltImage {
        progress(.began(.storing))
        let progress = progress
        let stored = try transaction.ingest(tree) { progress(.stored($0, of: $1)) }
        // What upper layers replaced and what the conversion left out has become objects for nothing.
        try transaction.discardFiles(except: Set(stored.files))
        let image = ImageMetadata(
            channel: identity.channel, architecture: identity.architecture,
            kernelArguments: identity.kernelArguments,
            version: identity.version ?? Timestamps.version(timestamp), kernel: converted.kernel,
            packages: converted.packages, size: stored.size)
        let checksum = try transaction.write(.commit, image.commit(stored, timestamp: timestamp).encode())
        try transaction.commit(refs: [image.ref: checksum])
        return BuiltImage(
            commit: checksum, ref: image.ref, version: image.version, kernel: image.kernel, timestamp: timestamp,
            packageCount: image.packages.count, fileCount: stored.fileCount, size: stored.size,
            lint: lint)
    }
}
