import Checksums
import LinuxSystem
import Sysroots
import SystemPackage

/// Folders below /boot/ostree that no boot entry uses and that can be accounted for: they have the name that a
/// deployment of one of our stateroots gives them, and nobody else's boot loader configuration mentions them.
struct UnusedKernels {
    private let paths: SysrootPaths
    private let used: Set<String>

    /// - Parameter deployments: those that stay.
    init(_ paths: SysrootPaths, usedBy deployments: [DeploymentRecord]) {
        self.paths = paths
        used = Set(deployments.compactMap(\.bootChecksum))
    }

    func items() throws -> [CleanupItem] {
        let candidates = try Files.namesIfPresent(in: paths.kernels).filter(isUnused)
        if candidates.isEmpty { return [] }
        let foreign = try foreignConfigurations()
        return candidates.filter { name in !foreign.contains { $0.contains(name) } }.map { name in
            CleanupItem(
                .kernel, "boot/ostree/\(name)", "no boot entry uses it", places: [paths.kernels.appending(name)])
        }
    }

    private func isUnused(_ name: String) -> Bool {
        guard let dash = name.lastIndex(of: "-"), Checksum(hex: name[name.index(after: dash)...]) != nil else {
            return false
        }
        let stateroot = String(name[..<dash])
        return !used.contains(String(name[name.index(after: dash)...])) && SysrootChange.isName(stateroot)
            && Files.isFolder(paths.deploy.appending(stateroot))
    }

    /// What others may have written to boot our kernels by.
    private func foreignConfigurations() throws -> [String] {
        var files = ["grub/grub.cfg", "grub2/grub.cfg", "loader/grub.cfg", "syslinux/syslinux.cfg", "loader/uEnv.txt"]
            .map { paths.boot.appending($0) }
        for folder in ["loader.0/entries", "loader.1/entries", "loader/entries", "efi/loader/entries"] {
            let folder = paths.boot.appending(folder)
            guard Files.isFolder(folder) else { continue }
            files += try Files.names(in: folder).filter { !$0.hasPrefix("ostree-") }.map { folder.appending($0) }
        }
        return try files.compactMap { file in
            guard !Files.isFolder(file) else { return nil }
            return try Files.readIfPresent(file, limit: 4 << 20).map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
