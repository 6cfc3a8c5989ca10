public import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
public import ObjectStorage
public import SystemPackage

/// What a build is doing.
public enum BuildStage: String, Sendable, CaseIterable {
    case packages, files, hooks, removal, reading, conversion, storing

    /// For the operator.
    public var description: String {
        switch self {
        case .packages: "Installing packages"
        case .files: "Copying the recipe's files"
        case .hooks: "Running hooks"
        case .reading: "Reading"
        case .removal: "Removing what the image does not keep"
        case .conversion: "Converting the tree"
        case .storing: "Storing"
        }
    }
}

/// A step of a build.
public enum BuildProgress: Sendable {
    /// A stage begins.
    case began(BuildStage)
    /// Bytes read so far of a source whose size is not known.
    case read(Int64)
    /// Bytes stored so far, and bytes of all files.
    case stored(Int64, of: Int64)
}

/// A host image that is in a store.
public struct BuiltImage: Sendable, Equatable {
    public let commit: Checksum
    /// The ref that names it now.
    public let ref: String
    public let version: String
    /// The kernel's version.
    public let kernel: String
    /// The source date, in seconds since 1970.
    public let timestamp: UInt64
    public let packageCount: Int
    /// Files and links.
    public let fileCount: Int
    /// The sizes of all files, in bytes.
    public let size: Int64
    /// What the checks found; nothing that is fatal.
    public let lint: LintReport
}

/// Makes a host image out of a recipe.
public struct ImageBuilder: Sendable {
    /// Holds the tree while it is made, downloaded packages from build to build, and `build.log`.
    let workFolder: FilePath
    let progress: @Sendable (BuildProgress) -> Void

    /// - Parameters:
    ///   - workFolder: made when it is missing; one build at a time uses it. What a failed build has
    ///     made of the tree stays there until the next build.
    ///   - progress: called from any thread.
    public init(workFolder: FilePath, progress: @escaping @Sendable (BuildProgress) -> Void = { _ in }) {
        self.workFolder = workFolder
        self.progress = progress
    }

    /// Builds the image, commits it and points its ref at it; then writes the lock file.
    ///
    /// - Parameter inputs: what an earlier build decides.
    /// - Throws: `ImageError`; `LockedError` while another build uses the work folder; `StoreError`, `SystemError`.
    public func build(_ recipe: Recipe, _ inputs: BuildInputs = BuildInputs(), into store: Store) async throws
        -> BuiltImage
    {
        guard geteuid() == 0 else { throw ImageError.needsRoot }
        for tool in ["/usr/bin/mmdebstrap", "/usr/bin/apt-get", "/usr/bin/dpkg-deb"] where !Files.exists(FilePath(tool))
        {
            throw ImageError.missingTool(FilePath(tool).lastComponent?.string ?? tool)
        }
        let sourceDate = try BuildEnvironment.sourceDate()
        let work = try Self.absolute(workFolder)
        try Files.makeFolder(work)
        let lock = try FileLock(
            work.appending("lock"), .exclusive, seconds: 0, holder: "hostctl image build (\(getpid()))")
        let tree = work.appending("tree")
        try Files.removeTree(tree)
        let environment = BuildEnvironment(sourceDate: sourceDate)
        let log = try ToolLog(work.appending("build.log"))
        progress(.began(.packages))
        let cache = work.appending("packages/\(recipe.suite)-\(recipe.architecture)")
        let fetch = PackageFetch(recipe: recipe, work: work, cache: cache, environment: environment)
        let packages = try await inputs.lock(fetch, log)
        try await PackageStage(recipe: recipe, lock: packages, tree: tree, cache: cache, environment: environment)
            .run(log: log)
        let replaced = try await makeTree(recipe, tree, environment, log)
        let timestamp = sourceDate ?? packages.sourceDate
        let built = try commit(
            tree, recipe, into: store, replaced: replaced, previous: inputs.previous, timestamp: timestamp)
        try packages.dated(timestamp).write(to: inputs.lockFile ?? work.appending("image.lock"))
        withExtendedLifetime(lock) {}
        return built
    }

    /// The stages that work on disk.
    ///
    /// - Returns: the paths of packages to be removed where hooks or the recipe's files have put something else.
    private func makeTree(
        _ recipe: Recipe, _ tree: FilePath, _ environment: BuildEnvironment, _ log: borrowing ToolLog
    ) async throws -> Set<String> {
        let brought = try PackageSnapshot(of: tree, packages: recipe.removals.flatMap(\.packages))
        progress(.began(.files))
        let folder = try Self.absolute(recipe.folder)
        for source in recipe.places(of: "rootfs") {
            try OverlayStage(source: try Self.absolute(source), tree: tree).run()
        }
        try await HostctlStage(recipe: recipe, tree: tree, environment: environment).run(log: log)
        progress(.began(.hooks))
        try await HookStage(recipe: recipe, folder: folder, tree: tree, environment: environment).run(log: log)
        return brought.replaced()
    }

    /// The stages that work in memory and on the store, which remove the tree.
    private func commit(
        _ path: FilePath, _ recipe: Recipe, into store: Store, replaced: Set<String>, previous: Checksum?,
        timestamp: UInt64
    ) throws -> BuiltImage {
        progress(.began(.removal))
        let tree = try TreeFolder.scan(path) { RuntimeFolders.contain($0) }
        if let plan = recipe.initramfs { try InitramfsStage(tree: tree, plan: plan).run() }
        let removed = try RemovalStage(tree: tree, removals: recipe.removals, replaced: replaced).run()
        try CompletenessCheck(tree, removed: removed).run()
        try AccountStage(tree: tree, store: store, previous: previous).run()
        progress(.began(.conversion))
        let converted = try TreeConversion.convert(tree)
        let lint = try Linter(policy: LintPolicy(setuidFiles: recipe.setuidFiles)).check(LintSubject(tree))
        try lint.requireSuccess()
        progress(.began(.storing))
        let progress = progress
        let transaction = try StoreTransaction(store)
        let stored = try transaction.ingest(tree) { progress(.stored($0, of: $1)) }
        // Before the file system is flushed, so that the tree's own files need not reach the disk.
        try Files.removeTree(path)
        let image = ImageMetadata(
            recipe: recipe, version: recipe.version ?? Timestamps.version(timestamp), kernel: converted.kernel,
            packages: converted.packages, size: stored.size)
        let commit = Commit(
            metadata: image.values, subject: "\(recipe.channel) \(image.version)", timestamp: timestamp,
            rootTree: stored.rootTree, rootMetadata: stored.rootMetadata)
        let checksum = try transaction.write(.commit, commit.encode())
        try transaction.commit(refs: [recipe.ref: checksum])
        return BuiltImage(
            commit: checksum, ref: recipe.ref, version: image.version, kernel: image.kernel, timestamp: timestamp,
            packageCount: image.packages.count, fileCount: stored.fileCount, size: stored.size,
            lint: lint)
    }

    private static func absolute(_ path: FilePath) throws(SystemError) -> FilePath {
        if path.isAbsolute { return path.lexicallyNormalized() }
        guard let current = getcwd(nil, 0) else { throw SystemError("find", "the current folder") }
        defer { free(current) }
        return FilePath(String(cString: current)).pushing(path).lexicallyNormalized()
    }
}

/// Folders whose content is never part of an image; devices and sockets are allowed there and nowhere else.
enum RuntimeFolders {
    /// Whether a path of the tree lies in one of them.
    static func contain(_ path: String) -> Bool {
        ["dev/", "proc/", "sys/", "run/", "tmp/"].contains { path.hasPrefix($0) }
    }
}
