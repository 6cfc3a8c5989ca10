public import Checksums
import Glibc
import LinuxSystem
public import ObjectFormats
import SystemPackage

/// The kernel of an image in a bare store, and what a host copies to where it boots from with it.
public struct ImageKernel {
    /// The folder's name under /usr/lib/modules.
    public let version: String
    /// The kernel's object.
    public let kernel: Checksum
    /// The initramfs's.
    public let initramfs: Checksum?
    /// Whether device trees belong to it.
    public let hasDeviceTrees: Bool
    /// Bytes of the kernel, of the initramfs and of device trees.
    public let sizes: (kernel: Int64, initramfs: Int64, deviceTrees: Int64)
    /// The checksum that libostree puts into the name of the folder under /boot; `nil` when there is a folder of
    /// device trees, whose checksum libostree alone knows.
    public let bootChecksum: String?

    /// Bytes of all of them.
    public var size: Int64 { sizes.kernel + sizes.initramfs + sizes.deviceTrees }

    /// Why an image cannot be booted: it has no kernel, or several, or one that is no file.
    public struct Unusable: Error { public let detail: String }

    /// Finds the one kernel of a tree.
    ///
    /// - Throws: `ImageKernel.Unusable`, `StoreError`, `FormatError`, `SystemError`.
    public init(_ root: DirectoryTree, in store: Store) throws {
        guard let modules = try store.folder(["usr", "lib", "modules"], in: root) else {
            throw Unusable(detail: "it has no kernel: /usr/lib/modules is missing")
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
            throw Unusable(detail: detail)
        }
        try self.init(only.version, only.folder, store)
    }

    private init(_ version: String, _ folder: DirectoryTree, _ store: Store) throws {
        func file(_ names: String...) -> Checksum? {
            names.lazy.compactMap { name in folder.files.first { $0.name == name }?.checksum }.first
        }
        func size(_ file: Checksum?) throws -> Int64 { try file.map { try store.fileHeader($0).size } ?? 0 }
        guard let kernel = file("vmlinuz") else { throw Unusable(detail: "it has no kernel") }
        let (initramfs, deviceTree) = (file("initramfs.img", "initramfs"), file("devicetree"))
        let trees = deviceTree == nil ? try store.folder(["dtb"], in: folder) : nil
        self.version = version
        (self.kernel, self.initramfs) = (kernel, initramfs)
        hasDeviceTrees = deviceTree != nil || trees != nil
        sizes = (
            try size(kernel), try size(initramfs),
            try size(deviceTree) + (trees.map { try Self.size(of: $0, store) } ?? 0)
        )
        bootChecksum = trees == nil ? try Self.checksum([kernel, initramfs, deviceTree].compactMap { $0 }, store) : nil
    }

    private static func checksum(_ files: [Checksum], _ store: Store) throws -> String {
        var hasher = SHA256()
        for file in files { try hash(store.path(of: ObjectName(file, .file)), &hasher) }
        return hasher.finish().hex
    }

    private static func hash(_ path: FilePath, _ hasher: inout SHA256) throws {
        // Without O_NONBLOCK a named pipe in a damaged store would hold us up for ever.
        let file: Descriptor
        do throws(SystemError) {
            file = try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            guard error.code == .tooManySymbolicLinkLevels else { throw error }
            throw Unusable(detail: "its kernel or initramfs is a link")
        }
        guard try file.status().st_mode & S_IFMT == Glibc.S_IFREG else {
            throw Unusable(detail: "its kernel or initramfs is not a regular file")
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
