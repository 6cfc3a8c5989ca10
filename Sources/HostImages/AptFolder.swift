import LinuxSystem
import SystemPackage

/// A folder in which apt works for a system that does not exist yet: nothing of the build machine's own apt is read.
struct AptFolder {
    let path: FilePath
    /// Where package files are kept.
    let cache: FilePath

    /// What `APT_CONFIG` has to name.
    var settings: FilePath { path.appending("apt.conf") }
    /// The archive's indexes.
    var lists: FilePath { path.appending("var/lib/apt/lists") }

    /// Makes it anew, with the recipe's sources and no package installed.
    ///
    /// - Throws: `SystemError`.
    func prepare(_ recipe: Recipe) throws(SystemError) {
        try Files.removeTree(path)
        for name in [
            "etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "var/lib/apt/lists/partial",
            "var/lib/dpkg", "var/cache/apt", "empty/partial",
        ] {
            try Files.makeFolder(path.appending(name))
        }
        try Files.makeFolder(cache.appending("partial"))
        try Files.create(path.appending("var/lib/dpkg/status"), bytes: [], mode: 0o644)
        let sources = AptSources.lines(recipe).joined(separator: "\n") + "\n"
        try Files.create(path.appending("etc/apt/sources.list"), bytes: Array(sources.utf8), mode: 0o644)
        try Files.create(settings, bytes: Array(text(recipe).utf8), mode: 0o644)
    }

    private func text(_ recipe: Recipe) -> String {
        """
        Dir "\(path)/";
        Dir::State::status "\(path)/var/lib/dpkg/status";
        Dir::Cache::archives "\(cache)/";
        APT::Architecture "\(recipe.debianArchitecture)";
        APT::Architectures "\(recipe.debianArchitecture)";
        APT::Install-Recommends "false";
        APT::Sandbox::User "root";
        pkgCacheGen::ForceEssential ",";
        Acquire::Languages "none";
        Acquire::Retries "3";
        Acquire::ForceHash "SHA256";

        """
    }

    var update: [String] {
        // Otherwise a mirror that cannot be reached is only worth a warning.
        ["/usr/bin/apt-get", "-q", "update", "--error-on=any"]
    }

    /// Prints what an installation fetches, as if nothing were kept.
    func print(_ recipe: Recipe) -> [String] {
        install(recipe, ["--print-uris", "-o", "Dir::Cache::archives=\(path)/empty/"])
    }

    /// Fetches what is not kept.
    func download(_ recipe: Recipe) -> [String] { install(recipe, ["--download-only"]) }

    private func install(_ recipe: Recipe, _ options: [String]) -> [String] {
        ["/usr/bin/apt-get", "-q", "--yes", "install"] + options + ["--"] + Self.base(recipe.variant) + recipe.packages
    }

    /// The packages that come unasked, as mmdebstrap chooses them for its variants.
    static func base(_ variant: String) -> [String] {
        switch variant {
        case "essential": ["?essential"]
        case "apt": ["?essential", "apt"]
        case "important": ["?essential", "apt", "?or(?priority(required),?priority(important))"]
        case "standard":
            ["?essential", "apt", "?or(?priority(required),?or(?priority(important),?priority(standard)))"]
        default: ["?essential", "apt", "?priority(required)"]
        }
    }
}
