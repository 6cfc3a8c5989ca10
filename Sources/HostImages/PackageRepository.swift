import Checksums
import LinuxSystem
import SystemPackage

/// A repository on disk that has exactly the packages of a lock: whatever apt installs from it is what the lock says, in the
/// same order in every build.
struct PackageRepository {
    let path: FilePath
    let lock: PackageLock
    /// Where the package files are.
    let cache: FilePath

    /// The line for apt. It need not verify anything: every file was just checked against the lock.
    var source: String { "deb [trusted=yes] copy:\(path) ./" }

    /// - Throws: `ImageError.packagesFailed`, `.missingTool`; `SystemError`.
    func make(environment: BuildEnvironment, log: borrowing ToolLog) async throws {
        try Files.removeTree(path)
        try Files.makeFolder(path)
        let list = lock.packages.map { "\($0.sha256.hex) \($0.size) \($0.fileName)\n" }.joined()
        try Files.create(path.appending("list"), bytes: Array(list.utf8), mode: 0o644)
        let command = ["/bin/sh", "-euc", Self.index, "sh", path.string, cache.string]
        if let detail = try await log.run(command, environment: environment.common) {
            throw ImageError.packagesFailed(detail: detail)
        }
        let packages = try Files.read(path.appending("Packages"), limit: 64 << 20)
        try Files.create(path.appending("Release"), bytes: Array(release(packages).utf8), mode: 0o644)
    }

    /// apt's own name for a file may hold a colon, so the files are called by numbers here.
    private static let index = """
        umask 022
        cd "$1"
        number=0
        while read -r sha256 size name; do
            number=$((number + 1))
            ln "$2/$name" "$number.deb"
            dpkg-deb --field "$number.deb"
            printf 'Filename: ./%s.deb\\nSize: %s\\nSHA256: %s\\n\\n' "$number" "$size" "$sha256"
        done <list >Packages
        """

    private func release(_ packages: [UInt8]) -> String {
        """
        Origin: hostctl
        Suite: \(lock.suite)
        Codename: \(lock.suite)
        Date: Mon, 01 Jan 2024 00:00:00 UTC
        Architectures: \(lock.architecture)
        SHA256:
         \(SHA256.hash(packages).hex) \(packages.count) Packages

        """
    }
}
