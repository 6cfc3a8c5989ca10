import Glibc
import LinuxSystem
import SystemPackage

/// hostctl itself in the image: its programs without their symbols, and its units.
///
/// They are made beside the tree and copied as the recipe's own files are: a link in the tree is never followed.
struct HostctlStage {
    let recipe: Recipe
    let tree: FilePath
    let environment: BuildEnvironment

    /// The programs, in the order in which they are copied.
    static let programs = ["hostctl", "hostctl-store"]

    /// - Throws: `ImageError.noBinary`, `.missingTool`, `.fileNotCopied`; `SystemError`.
    func run(log: borrowing ToolLog) async throws {
        guard let binaries = recipe.hostctlBinaries else { return }
        let files = tree.removingLastComponent().appending("hostctl-files")
        try Files.removeTree(files)
        let programs = files.appending("usr/bin")
        try Files.makeFolder(programs)
        for name in Self.programs {
            let source = binaries.appending(name), target = programs.appending(name)
            guard Files.exists(source) else { throw ImageError.noBinary(path: source.string) }
            let command = ["/usr/bin/strip", "--strip-all", "-o", target.string, source.string]
            if let failure = try await log.run(command, environment: environment.common) {
                throw ImageError.fileNotCopied(path: "usr/bin/\(name)", detail: failure)
            }
            try retrying("set the permissions of", target.string) { chmod(target.string, 0o755) }
        }
        try copyUnits(to: files.appending("usr/lib/systemd/system"))
        try OverlayStage(source: files, tree: tree).run()
        try Files.removeTree(files)
    }

    private func copyUnits(to folder: FilePath) throws {
        guard let units = recipe.hostctlUnits else { return }
        try Files.makeFolder(folder)
        for name in try Files.namesIfPresent(in: units) where !name.hasPrefix(".") && name.contains(".") {
            let bytes = try Files.read(units.appending(name), limit: 1 << 20)
            try Files.replace(folder.appending(name), with: bytes)
        }
    }
}
