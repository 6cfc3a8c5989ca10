public import Checksums
public import SystemPackage

/// What a build takes from earlier ones.
public struct BuildInputs: Sendable {
    /// The lock file: written after the build, or read before it. `nil` for `image.lock` in the work folder.
    public var lockFile: FilePath?
    /// Whether exactly the lock file's packages are demanded.
    public var isLocked: Bool
    /// The image of the store whose user and group numbers are kept.
    public var previous: Checksum?

    public init(lockFile: FilePath? = nil, isLocked: Bool = false, previous: Checksum? = nil) {
        self.lockFile = lockFile
        self.isLocked = isLocked
        self.previous = previous
    }

    /// The packages, with their files in the cache: those of the lock file, or what apt resolves now.
    ///
    /// - Throws: as `PackageFetch`, and `TrustMetadataError` for a malformed lock file.
    func lock(_ fetch: PackageFetch, _ log: borrowing ToolLog) async throws -> PackageLock {
        guard isLocked else { return try await fetch.resolve(log: log) }
        let lock = try PackageLock(reading: lockFile ?? fetch.work.appending("image.lock"))
        try await fetch.fetch(lock, log: log)
        return lock
    }
}

extension PackageLock {
    /// The same packages with the date that the image got.
    func dated(_ date: UInt64) -> PackageLock {
        PackageLock(
            suite: suite, architecture: architecture, sourceDate: date, sources: sources, packages: packages)
    }
}
