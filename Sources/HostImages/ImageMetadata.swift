import ObjectFormats

/// What a host image's commit says about it.
struct ImageMetadata {
    let recipe: Recipe
    let version: String
    let kernel: String
    let packages: [InstalledPackage]
    /// The sizes of all files, in bytes.
    let size: Int64

    /// As the commit holds it.
    var values: [String: Variant] {
        [
            Commit.Key.version: .string(version),
            Commit.Key.refBinding: .strings([recipe.ref]),
            Commit.Key.linux: .string(kernel),
            Commit.Key.bootable: .bool(true),
            Commit.Key.channel: .string(recipe.channel),
            Commit.Key.architecture: .string(recipe.architecture),
            Commit.Key.packages: .rows(
                packages.map { [$0.name, $0.version, $0.architecture, String($0.installedKiB)] }),
            Commit.Key.kernelArguments: .strings(recipe.kernelArguments),
            Commit.Key.installedSize: .uint64(UInt64(size)),
        ]
    }
}
