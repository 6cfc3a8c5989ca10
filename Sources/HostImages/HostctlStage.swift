import Glibc
import LinuxSystem
import SystemPackage

/// hostctl itself in the image: its programs without their symbols, and its units.
struct HostctlStage {
    let recipe: Recipe
    let tree: FilePath
    let environment: BuildEnvironment

    /// The programs, in the order in which they are copied.
    static let programs = ["hostctl", "hostctl-store"]

    /// - Throws: `ImageError.noBinary`, `.missingTool`; `SystemError`.
    func run(log: borrowing ToolLog) async throws {
        guard let binaries = recipe.hostctlBinaries else { return }
        for name in Self.programs {
            let source = binaries.appending(name), target = tree.appending("usr/bin/\(name)")
            guard Files.exists(source) else { throw ImageError.noBinary(path: source.string) }
            let command = ["/usr/bin/strip", "--strip-all", "-o", target.string, source.string]
            if let failure = try await log.run(command, environment: environment.common) {
                throw ImageError.fileNotCopied(path: "usr/bin/\(name)", detail: failure)
            }
            try retrying("set the permissions of", target.string) { chmod(target.string, 0o755) }
        }
        try copyUnits()
    }

    private func copyUnits() throws {
        guard let units = recipe.hostctlUnits else { return }
        for name in try Files.namesIfPresent(in: units) where !name.hasPrefix(".") && name.contains(".") {
            let bytes = try Files.read(units.appending(name), limit: 1 << 20)
            try Files.replace(tree.appending("usr/lib/systemd/system/\(name)"), with: bytes)
        }
    }
}
