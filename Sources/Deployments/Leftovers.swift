import Glibc
import LinuxSystem
import ObjectStorage
import Sysroots
import SystemPackage

/// Temporary files and staging folders that a killed hostctl has left: nobody holds their locks.
struct Leftovers {
    private let paths: SysrootPaths

    init(_ paths: SysrootPaths) { self.paths = paths }

    /// Those in hostctl's own folders and in the store; in `objects`, the collection finds them.
    func items() throws -> [CleanupItem] {
        var found: [FilePath] = []
        let kernels = try Files.namesIfPresent(in: paths.kernels).map { paths.kernels.appending($0) }
        let links = try Files.namesIfPresent(in: paths.bootLinks).map { paths.bootLinks.appending($0) }
        let states = try Files.namesIfPresent(in: paths.stateLinks).map { paths.stateLinks.appending($0) }
        let stateroots = try Files.namesIfPresent(in: paths.deploy).map { paths.deploy.appending($0) }
        for folder in links + states + stateroots + [
            paths.state, paths.state.appending("download"), paths.repository, paths.boot,
        ]
            + kernels
        {
            try collect(folder, into: &found)
        }
        try collect(below: paths.repository.appending("refs"), into: &found)
        let store = try Store(opening: paths.repository)
        found += try store.abandonedStaging()
        return found.map { CleanupItem(.leftover, paths.relative($0), "left by a killed command", places: [$0]) }
    }

    private func collect(_ folder: FilePath, into found: inout [FilePath]) throws {
        guard Files.isFolder(folder) else { return }
        for name in try Files.names(in: folder) where Files.isTemporary(name) {
            let path = folder.appending(name)
            if Files.isAbandoned(path) { found.append(path) }
        }
    }

    private func collect(below folder: FilePath, into found: inout [FilePath]) throws {
        try collect(folder, into: &found)
        for name in try Files.namesIfPresent(in: folder) {
            let path = folder.appending(name)
            if Files.linkTarget(path) == nil, Files.isFolder(path) { try collect(below: path, into: &found) }
        }
    }
}
