import ObjectFormats
import ObjectStorage

/// What a host image's commit says about it.
struct ImageMetadata {
    let channel: String
    let architecture: String
    /// What every host boots the image with.
    let kernelArguments: [String]
    let version: String
    let kernel: String
    let packages: [InstalledPackage]
    /// The sizes of all files, in bytes.
    let size: Int64

    /// The name under which a store keeps it.
    var ref: String { "\(channel)/\(architecture)" }

    /// As the commit holds it.
    var values: [String: Variant] {
        [
            Commit.Key.version: .string(version),
            Commit.Key.refBinding: .strings([ref]),
            Commit.Key.linux: .string(kernel),
            Commit.Key.bootable: .bool(true),
            Commit.Key.channel: .string(channel),
            Commit.Key.architecture: .string(architecture),
            Commit.Key.packages: .rows(
                packages.map { [$0.name, $0.version, $0.architecture, String($0.installedKiB)] }),
            Commit.Key.kernelArguments: .strings(kernelArguments),
            Commit.Key.installedSize: .uint64(UInt64(size)),
        ]
    }
}

extension ImageMetadata {
    /// Of an image that a recipe describes.
    init(recipe: Recipe, version: String, kernel: String, packages: [InstalledPackage], size: Int64) {
        self.init(
            channel: recipe.channel, architecture: recipe.architecture, kernelArguments: recipe.kernelArguments,
            version: version, kernel: kernel, packages: packages, size: size)
    }

    /// The commit of a stored tree.
    func commit(_ tree: StoredTree, timestamp: UInt64) -> Commit {
        Commit(
            metadata: values, subject: "\(channel) \(version)", timestamp: timestamp, rootTree: tree.rootTree,
            rootMetadata: tree.rootMetadata)
    }
}
