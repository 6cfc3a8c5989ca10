import Glibc
import LinuxSystem
import SystemPackage

/// The first stage of a build: a folder with the recipe's packages installed, through mmdebstrap.
struct PackageStage {
    let recipe: Recipe
    /// Where the tree is made; must not exist.
    let tree: FilePath
    /// Downloaded packages, kept from build to build.
    let cache: FilePath
    let environment: BuildEnvironment

    /// - Throws: `ImageError.missingTool`, `.packagesFailed`; `SystemError`.
    func run(log: borrowing ToolLog) async throws {
        guard Files.exists("/usr/bin/mmdebstrap") else { throw ImageError.missingTool("mmdebstrap") }
        try Files.makeFolder(cache)
        let sources = tree.removingLastComponent().appending("sources.list")
        try Files.replace(sources, with: Array((AptSources.lines(recipe).joined(separator: "\n") + "\n").utf8))
        var variables = environment.common
        variables["HOSTCTL_PACKAGE_CACHE"] = cache.string
        // The kernel's package would have an initramfs made before the packages that belong in it are set up.
        variables["INITRD"] = "No"
        if let detail = try await log.run(command(sources: sources), environment: variables) {
            throw ImageError.packagesFailed(detail: detail)
        }
        try keepPackages()
        try removeTraces()
    }

    /// The call of mmdebstrap. In a mount namespace: what it mounts in the tree is gone when it is killed.
    func command(sources: FilePath) -> [String] {
        MountNamespace.command(script: "exec \"$@\"", mmdebstrap(sources: sources))
    }

    private func mmdebstrap(sources: FilePath) -> [String] {
        [
            "/usr/bin/mmdebstrap", "--mode=root", "--format=directory", "--variant=\(recipe.variant)",
            "--architectures=\(recipe.debianArchitecture)", "--include=\(recipe.packages.joined(separator: ","))",
            // What is thrown away after a failure need not reach the disk.
            "--dpkgopt=force-unsafe-io",
            "--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\"",
            "--aptopt=Acquire::Retries \"3\"",
            // The lists say how old the archive is, the packages go back to the cache.
            "--skip=cleanup/apt", "--skip=download/empty", "--skip=essential/unlink",
        ] + hooks + recipe.pathExcludes.map(Self.pathOption) + [recipe.suite, tree.string, sources.string]
    }

    private var hooks: [String] {
        [Self.offerCache, Self.moveDatabaseToMemory].map { "--setup-hook=set -e\n\($0)" }
            + ["--customize-hook=set -e\n\(Self.moveDatabaseBack)"]
    }

    /// Links instead of copies: the tree is on the cache's file system. apt takes a package that lies here already
    /// by its size alone, so the cache has to be as trustworthy as the tree itself.
    private static let offerCache = """
        mkdir -p "$1/var/cache/apt/archives"
        find "$HOSTCTL_PACKAGE_CACHE" -name '*.deb' -exec ln -ft "$1/var/cache/apt/archives/" {} +
        """

    /// dpkg flushes its database more than four thousand times, which takes minutes on a slow disk.
    private static let moveDatabaseToMemory = """
        database="$1/var/lib/dpkg"
        cp -a "$database" "$database.disk"
        if mount -t tmpfs -o mode=0755 tmpfs "$database"; then cp -a "$database.disk/." "$database/"; fi
        rm -r "$database.disk"
        """

    private static let moveDatabaseBack = """
        database="$1/var/lib/dpkg"
        mountpoint -q "$database" || exit 0
        cp -a "$database" "$database.disk"
        umount "$database"
        rm -r "$database"
        mv "$database.disk" "$database"
        """

    private static func pathOption(_ pattern: String) -> String {
        pattern.hasPrefix("!") ? "--dpkgopt=path-include=\(pattern.dropFirst())" : "--dpkgopt=path-exclude=\(pattern)"
    }

    private func keepPackages() throws {
        let archives = tree.appending("var/cache/apt/archives")
        for name in try Files.namesIfPresent(in: archives) where name.hasSuffix(".deb") {
            try retrying("keep the package", name) {
                rename(archives.appending(name).string, cache.appending(name).string)
            }
        }
    }

    /// Removes what mmdebstrap copied from the build machine or wrote for its own work.
    ///
    /// Before the recipe's files are copied, so that these may bring a hostname or a resolv.conf of their own.
    private func removeTraces() throws {
        for name in [
            "hostname", ".resolv.conf.systemd-resolved.bak", "dpkg/dpkg.cfg.d/99mmdebstrap",
            "apt/apt.conf.d/99mmdebstrap",
        ] {
            try Files.remove(tree.appending("etc/\(name)"))
        }
        let resolver = tree.appending("etc/resolv.conf")
        if Files.linkTarget(resolver) == nil { try Files.remove(resolver) }
    }
}
