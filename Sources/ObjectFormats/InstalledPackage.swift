/// An installed package.
public struct InstalledPackage: Equatable, Sendable {
    /// Its name.
    public let name: String
    /// Its version, with epoch and revision.
    public let version: String
    /// The architecture as dpkg names it, or `all`.
    public let architecture: String
    /// What it takes on disk, by its maintainer's estimate, in KiB.
    public let installedKiB: Int64

    public init(name: String, version: String, architecture: String, installedKiB: Int64) {
        self.name = name
        self.version = version
        self.architecture = architecture
        self.installedKiB = installedKiB
    }
}

extension Commit {
    /// The packages that a host image was made of; none when the commit does not tell.
    public var packages: [InstalledPackage] {
        guard case .rows(let rows)? = metadata[Key.packages] else { return [] }
        return rows.compactMap { row in
            guard row.count >= 4, let size = Int64(row[3]) else { return nil }
            return InstalledPackage(name: row[0], version: row[1], architecture: row[2], installedKiB: size)
        }
    }
}
