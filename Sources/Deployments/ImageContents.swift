import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage

/// What deploying a commit takes, counted in the store before anything is written.
struct ImageContents {
    /// Folders of the checkout; everything else in it is a hard link into the store.
    private(set) var folders: Int64 = 0
    /// Files and folders that are copied from /usr/etc to /etc.
    private(set) var copiedFiles: Int64 = 0
    /// Bytes of those files, in whole blocks.
    private(set) var copiedBytes: Int64 = 0
    /// What goes to /boot.
    private(set) var kernel: ImageKernel

    private static let block: Int64 = 4096

    /// Walks the commit's tree.
    ///
    /// - Throws: `StoreError.missing` for the first object that is not in the store; `DeploymentError.notDeployable`
    ///   when the tree lacks what a deployment needs.
    init(_ commit: Commit, in store: Store) throws {
        let root = try store.tree(commit.rootTree)
        do { kernel = try ImageKernel(root, in: store) } catch let error as ImageKernel.Unusable {
            throw DeploymentError.notDeployable(detail: error.detail)
        }
        try Self.requireRelease(root, store)
        try count(root, "", store)
    }

    private mutating func count(_ tree: DirectoryTree, _ path: String, _ store: Store) throws {
        folders += 1
        let isCopied = path == "usr/etc" || path.hasPrefix("usr/etc/")
        if isCopied { copiedFiles += Int64(1 + tree.files.count) }
        for file in tree.files {
            let name = ObjectName(file.checksum, .file)
            guard isCopied else {
                guard store.contains(name) else { throw StoreError.missing(name) }
                continue
            }
            let size = try store.fileHeader(file.checksum).size
            copiedBytes += (size + Self.block - 1) / Self.block * Self.block
        }
        for folder in tree.folders {
            guard store.contains(ObjectName(folder.metadata, .dirmeta)) else {
                throw StoreError.missing(ObjectName(folder.metadata, .dirmeta))
            }
            try count(store.tree(folder.tree), path.isEmpty ? folder.name : "\(path)/\(folder.name)", store)
        }
    }

    /// libostree gives up half-way through the boot entries when it cannot name the system.
    private static func requireRelease(_ root: DirectoryTree, _ store: Store) throws {
        guard root.folders.contains(where: { $0.name == "usr" }) else {
            throw DeploymentError.notDeployable(detail: "it has no /usr")
        }
        guard !root.folders.contains(where: { $0.name == "etc" }) else {
            throw DeploymentError.notDeployable(detail: "it has an /etc beside /usr/etc")
        }
        for place in [["usr", "lib"], ["usr", "etc"]] {
            let folder = try store.folder(place, in: root)
            if folder?.files.contains(where: { $0.name == "os-release" }) == true { return }
        }
        throw DeploymentError.notDeployable(detail: "it has no os-release in /usr/lib or /usr/etc")
    }

    /// Bytes and files that the checkout adds to the sysroot's file system.
    var checkout: (bytes: Int64, files: Int64) {
        ((folders + copiedFiles) * Self.block + copiedBytes, folders + copiedFiles)
    }
}
