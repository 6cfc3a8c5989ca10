public import Checksums
import LinuxSystem
import ObjectFormats
public import ObjectStorage
public import Signatures

/// A tiny host image: what libostree needs to deploy it, and no more.
public struct TestImage {
    public var version: String
    public var channel = "test/stable"
    /// When the image was made, in seconds since 1970.
    public var timestamp: UInt64 = 1_700_000_000
    /// The kernel's bytes; images with equal ones share a folder under /boot.
    public var kernel = "kernel"
    public var kernelVersion = "6.1.0"
    /// Files by path, besides those that every image has.
    public var files: [String: String] = [:]
    /// Symbolic links: targets by path.
    public var links: [String: String] = [:]
    /// Paths that this image lacks.
    public var missing: [String] = []
    public var kernelArguments: [String] = []
    /// Packages as `name version`.
    public var packages: [String] = []

    public init(_ version: String) { self.version = version }

    /// The ref that these images stand under.
    public static let ref = "test/stable/x86_64"

    private var tree: TreeFolder {
        let root = TreeFolder()
        var all = [
            "usr/lib/modules/\(kernelVersion)/vmlinuz": kernel,
            "usr/lib/modules/\(kernelVersion)/initramfs.img": "initramfs of \(kernel)",
            "usr/lib/os-release": "ID=test\nPRETTY_NAME=\"Test system\"\n",
            "usr/etc/hostname": "test\n", "usr/etc/setting": "default\n", "usr/bin/x": "x \(version)\n",
        ]
        all.merge(files) { $1 }
        for path in missing { all[path] = nil }
        for (path, text) in all {
            let attributes = FileAttributes(permissions: 0o644)
            root[path] = .file(TreeFile(attributes: attributes, content: .bytes(Array(text.utf8))))
        }
        for (path, target) in links {
            root[path] = .link(TreeLink(attributes: FileAttributes(permissions: 0o777), target: target))
        }
        return root
    }

    /// Stores the image and points the ref at it.
    public func commit(
        to store: Store, signedBy keys: [PrivateKey] = [], ref: String? = TestImage.ref
    ) throws -> Checksum {
        let transaction = try StoreTransaction(store)
        let stored = try transaction.ingest(tree, workers: 1)
        var metadata: [String: Variant] = [
            Commit.Key.version: .string(version), Commit.Key.channel: .string(channel),
            Commit.Key.architecture: .string("x86_64"),
        ]
        if !kernelArguments.isEmpty { metadata[Commit.Key.kernelArguments] = .strings(kernelArguments) }
        if !packages.isEmpty {
            metadata[Commit.Key.packages] = .rows(
                packages.map { $0.split(separator: " ").map(String.init) + ["amd64", "1"] })
        }
        if let ref { metadata[Commit.Key.refBinding] = .strings([ref]) }
        let commit = Commit(
            metadata: metadata, subject: "test \(version)", timestamp: timestamp, rootTree: stored.rootTree,
            rootMetadata: stored.rootMetadata)
        let checksum = try transaction.write(.commit, commit.encode())
        try transaction.commit()
        if let ref { try store.setRef(ref, to: checksum) }
        if !keys.isEmpty {
            let signatures = try keys.map { try $0.sign(commit.encode()) }
            try store.setDetachedMetadata(DetachedMetadata.encode(signatures: signatures), of: checksum)
        }
        return checksum
    }
}
