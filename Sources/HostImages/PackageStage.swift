import Glibc
import LinuxSystem
import SystemPackage

/// The second half of the package stage: a folder with a lock's packages installed, through mmdebstrap.
struct PackageStage {
    let recipe: Recipe
    let lock: PackageLock
    /// Where the tree is made; must not exist.
    let tree: FilePath
    /// Package files, kept from build to build.
    let cache: FilePath
    let environment: BuildEnvironment

    /// - Throws: `ImageError.missingTool`, `.packagesFailed`; `SystemError`.
    func run(log: borrowing ToolLog) async throws {
        let work = tree.removingLastComponent()
        let repository = PackageRepository(path: work.appending("repository"), lock: lock, cache: cache)
        try await repository.make(environment: environment, log: log)
        let sources = work.appending("sources.list")
        try Files.replace(sources, with: Array("\(repository.source)\n".utf8))
        var variables = environment.common
        variables["HOSTCTL_PACKAGE_CACHE"] = cache.string
        variables["HOSTCTL_PACKAGE_LIST"] = repository.path.appending("list").string
        // The kernel's package would have an initramfs made before the packages that belong in it are set up.
        variables["INITRD"] = "No"
        if let detail = try await log.run(command(sources: sources), environment: variables) {
            throw ImageError.packagesFailed(detail: detail)
        }
        try removeTraces()
    }

    /// The call of mmdebstrap. In a mount namespace: what it mounts in the tree is gone when it is killed.
    func command(sources: FilePath) -> [String] {
        MountNamespace.command(script: "exec \"$@\"", mmdebstrap(sources: sources))
    }

    private func mmdebstrap(sources: FilePath) -> [String] {
        [
            "/usr/bin/mmdebstrap", "--mode=root", "--format=directory", "--variant=essential",
            "--architectures=\(recipe.debianArchitecture)",
            "--include=\(lock.packages.map(\.name).joined(separator: ","))",
            // What is thrown away after a failure need not reach the disk.
            "--dpkgopt=force-unsafe-io",
            "--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\"",
            // Wherever the work folder is, another user might not get there.
            "--aptopt=APT::Sandbox::User \"root\"",
            // Links into the cache, and small files: nothing to gain from removing them.
            "--skip=cleanup/apt", "--skip=download/empty", "--skip=essential/unlink",
        ] + hooks + recipe.pathExcludes.map(Self.pathOption) + [recipe.suite, tree.string, sources.string]
    }

    private var hooks: [String] {
        [Self.offerCache, Self.moveDatabaseToMemory].map { "--setup-hook=set -e\n\($0)" }
            + ["--customize-hook=set -e\n\(Self.moveDatabaseBack)"]
    }

    /// Links instead of copies: the tree is on the cache's file system.
    private static let offerCache = """
        mkdir -p "$1/var/cache/apt/archives"
        while read -r sha256 size name; do
            ln -f "$HOSTCTL_PACKAGE_CACHE/$name" "$1/var/cache/apt/archives/"
        done <"$HOSTCTL_PACKAGE_LIST"
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
        let sources = tree.appending("etc/apt/sources.list.d/0000sources.list")
        if Files.exists(sources) {
            try Files.replace(sources, with: Array((AptSources.lines(recipe).joined(separator: "\n") + "\n").utf8))
        }
        let resolver = tree.appending("etc/resolv.conf")
        if Files.linkTarget(resolver) == nil { try Files.remove(resolver) }
    }
}
