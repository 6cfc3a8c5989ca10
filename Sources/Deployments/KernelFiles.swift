import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage

/// The kernel of an image and what is copied to /boot with it.
struct KernelFiles {
    /// The folder's name under /usr/lib/modules.
    let version: String
    /// The kernel's object.
    let kernel: Checksum
    /// The initramfs's.
    let initramfs: Checksum?
    /// Whether device trees belong to it.
    let hasDeviceTrees: Bool
    /// Bytes of kernel, initramfs and device tree.
    let size: Int64
    /// The checksum that libostree puts into the name of the folder under /boot; `nil` when there is a folder of
    /// device trees, whose checksum libostree alone knows.
    let bootChecksum: String?

    /// Finds the one kernel of a tree.
    ///
    /// - Throws: `DeploymentError.notDeployable`, `StoreError`, `SystemError`.
    init(_ root: DirectoryTree, in store: Store) throws {
        guard let modules = try store.folder(["usr", "lib", "modules"], in: root) else {
            throw DeploymentError.notDeployable(detail: "it has no kernel: /usr/lib/modules is missing")
        }
        var found: [(version: String, folder: DirectoryTree)] = []
        for child in modules.folders {
            let folder = try store.tree(child.tree)
            if folder.files.contains(where: { $0.name == "vmlinuz" }) { found.append((child.name, folder)) }
        }
        // libostree would take whichever the file system lists first.
        guard let only = found.first, found.count == 1 else {
            let detail =
                found.isEmpty
                ? "it has no kernel: no vmlinuz in /usr/lib/modules"
                : "it has several kernels: \(found.map(\.version).joined(separator: ", "))"
            throw DeploymentError.notDeployable(detail: detail)
        }
        try self.init(only.version, only.folder, store)
    }

    private init(_ version: String, _ folder: DirectoryTree, _ store: Store) throws {
        func file(_ name: String) -> Checksum? { folder.files.first { $0.name == name }?.checksum }
        let files = [file("vmlinuz"), file("initramfs.img") ?? file("initramfs"), file("devicetree")].compactMap { $0 }
        var hasher = SHA256()
        var size: Int64 = 0
        for file in files {
            size += try store.fileHeader(file).size
            try Self.hash(store.path(of: ObjectName(file, .file)), &hasher)
        }
        let trees = file("devicetree") == nil ? try store.folder(["dtb"], in: folder) : nil
        if let trees { size += try Self.size(of: trees, store) }
        self.version = version
        kernel = files[0]
        initramfs = file("initramfs.img") ?? file("initramfs")
        hasDeviceTrees = file("devicetree") != nil || trees != nil
        self.size = size
        bootChecksum = trees == nil ? hasher.finish().hex : nil
    }

    private static func hash(_ path: FilePath, _ hasher: inout SHA256) throws {
        // Without O_NONBLOCK a named pipe in a damaged store would hold us up for ever.
        let file: Descriptor
        do throws(SystemError) {
            file = try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            guard error.code == .tooManySymbolicLinkLevels else { throw error }
            throw DeploymentError.notDeployable(detail: "its kernel or initramfs is a link")
        }
        guard try file.status().st_mode & S_IFMT == Glibc.S_IFREG else {
            throw DeploymentError.notDeployable(detail: "its kernel or initramfs is not a regular file")
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try file.read(into: buffer)
            if count == 0 { return }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    private static func size(of tree: DirectoryTree, _ store: Store) throws -> Int64 {
        var size: Int64 = 0
        for file in tree.files { size += try store.fileHeader(file.checksum).size }
        for folder in tree.folders { size += try Self.size(of: store.tree(folder.tree), store) }
        return size
    }
}
