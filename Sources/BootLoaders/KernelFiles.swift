import Glibc
public import LinuxSystem
public import SystemPackage

/// A deployment's kernel and initramfs in the image.
public struct KernelSource: Sendable, Equatable {
    /// The boot checksum as libostree computes it: 64 hexadecimal digits.
    public let bootChecksum: String
    /// The kernel's file.
    public let kernel: FilePath
    /// The initramfs.
    public let initramfs: FilePath

    public init(bootChecksum: String, kernel: FilePath, initramfs: FilePath) {
        self.bootChecksum = bootChecksum
        self.kernel = kernel
        self.initramfs = initramfs
    }

    var files: [(name: String, source: FilePath)] {
        [(BootPartition.kernelName, kernel), (BootPartition.initramfsName, initramfs)]
    }
}

extension BootPartition {
    static let kernelName = "vmlinuz"
    static let initramfsName = "initramfs.img"

    /// The folder below `/hostctl` for kernels of this boot checksum; deployments of one checksum share it.
    public static func kernelFolder(for bootChecksum: String) -> String { String(bootChecksum.prefix(32)) }

    static func isKernelFolder(_ name: String) -> Bool {
        name.utf8.count == 32 && name.utf8.allSatisfy(isLowerHexadecimal)
    }

    /// Clusters that are kept free beside a kernel: for entries, folders and the loader's own renames.
    public static let reserve: Int64 = 256 << 10

    /// Adds kernel and initramfs; see `addKernel(_:)` for what has been compared already.
    ///
    /// - Returns: the folder's name, for `LoaderEntry.kernelFolder`.
    /// - Throws: as the other one.
    @discardableResult
    public func addKernel(_ source: KernelSource) throws -> String { try addKernel(addition(of: source)) }

    /// Adds kernel and initramfs, each complete and read back before it has its name. One that differs is replaced by
    /// exchange, as it may boot all the same, and entries share it; where nothing boots by it, it is removed first.
    ///
    /// - Parameter addition: what a comparison has found; nobody has changed the kernel's folder since.
    /// - Returns: the folder's name, for `LoaderEntry.kernelFolder`.
    /// - Throws: `BootLoaderError.noSpace` before anything is written; `.damagedWrite`; `SystemError`.
    @discardableResult
    public func addKernel(_ addition: KernelAddition) throws -> String {
        let folder = own.appending(addition.space.folder)
        if Files.isFolder(folder) { try removeLeftovers(in: folder, sharing: true) }
        try requireSpace(addition.space.needed)
        try makeFolder(folder)
        for change in addition.changes { try carryOut(change, in: folder) }
        FaultPoint.reached("boot.after-kernel")
        return addition.space.folder
    }

    /// - Throws: `BootLoaderError.noSpace`, `SystemError`.
    func requireSpace(_ needed: Int64) throws {
        let free = try freeSpace()
        if needed > 0, needed + Self.reserve > free {
            throw BootLoaderError.noSpace(needed: needed + Self.reserve, free: free)
        }
    }

    private func carryOut(_ change: KernelAddition.Change, in folder: FilePath) throws {
        let path = folder.appending(change.name)
        switch change.step {
        case .keep:
            // It may have its content by an exchange that was cut off before its flush.
            try flush()
        case .add:
            try addCopy(path, of: change.source)
        case .exchange:
            let beside = Files.temporaryName(beside: path)
            try addCopy(beside, of: change.source)
            do { try exchange(beside, path) } catch {
                // What still has the new content has not changed places, as where Linux cannot do that.
                do { if try Self.areEqual(beside, change.source) { try remove(beside) } } catch {}
                throw error
            }
            try remove(beside)
        case .replace:
            try remove(path)
            try addCopy(path, of: change.source)
        }
    }

    /// Whether the kernel and the initramfs are there and not empty.
    public func hasKernel(_ folder: String) -> Bool {
        guard Self.isKernelFolder(folder) else { return false }
        return [Self.kernelName, Self.initramfsName].allSatisfy { name in
            var status = stat()
            return stat(own.appending(folder).appending(name).string, &status) == 0 && status.st_size > 0
        }
    }

    /// The kernel folders that are there.
    ///
    /// - Throws: `SystemError`.
    public func kernelFolders() throws(SystemError) -> [String] {
        try Files.namesIfPresent(in: own).filter(Self.isKernelFolder)
    }

    /// The bytes that the kernel folders other than `kept` take.
    ///
    /// - Throws: `SystemError`.
    public func spaceOfKernels(except kept: Set<String>) throws(SystemError) -> Int64 {
        var space = FreedSpace()
        for name in try kernelFolders() where !kept.contains(name) { try space.addTree(own.appending(name)) }
        return space.bytes
    }

    /// Removes the kernel folders other than `kept`, which must have those of all entries and of what is being added.
    ///
    /// - Returns: the names that are gone.
    /// - Throws: `SystemError`.
    @discardableResult
    public func removeKernels(except kept: Set<String>) throws(SystemError) -> [String] {
        let unused = try kernelFolders().filter { !kept.contains($0) }
        for name in unused {
            FaultPoint.reached("boot.before-kernel-removal")
            try Files.removeTree(own.appending(name))
            FaultPoint.reached("boot.after-kernel-removal")
        }
        if !unused.isEmpty { try Files.syncFolder(own) }
        return unused
    }

    /// Removes temporary files that killed processes have left in our folders.
    ///
    /// - Throws: `SystemError`.
    public func removeLeftovers() throws {
        let kernels = try kernelFolders().map { "hostctl/\($0)" }
        // Elsewhere what is added again has the content of what was left of the first time.
        let others = ["loader", "loader/entries", "EFI/systemd", "EFI/BOOT", "grub", "hostctl", "hostctl/grub"]
        for (folders, isSharing) in [(kernels, true), (others, false)] {
            for folder in folders.map({ root.appending($0) }) where Files.isFolder(folder) {
                try removeLeftovers(in: folder, sharing: isSharing)
            }
        }
    }

    /// What is removed may be the other half of an exchange that was cut off: that has to be on the disk first.
    ///
    /// - Parameter isSharing: whether one that has a file's content, or cannot be read, stays: a power cut may have left
    ///   both names with the same clusters.
    private func removeLeftovers(in folder: FilePath, sharing isSharing: Bool) throws {
        let names = try Files.names(in: folder, malformed: { _ in })
        let leftovers = names.filter { Files.isTemporary($0) && Files.isAbandoned(folder.appending($0)) }
        if leftovers.isEmpty { return }
        try flush()
        let files = names.filter { !Files.isTemporary($0) }.map { folder.appending($0) }
        for path in leftovers.map({ folder.appending($0) }) {
            if !isSharing || !files.contains(where: { Self.mayShare(path, $0) }) { try remove(path) }
        }
    }

    /// Whether two names may have the same clusters: their content is the same, or cannot be compared.
    private static func mayShare(_ path: FilePath, _ other: FilePath) -> Bool {
        if Files.isFolder(other) { return false }
        do { return try size(of: path) > 0 && areEqual(path, other) } catch { return true }
    }

    static func size(of path: FilePath) throws(SystemError) -> Int64 {
        Int64(try Descriptor(opening: path.string).status().st_size)
    }

    static func sizeIfPresent(of path: FilePath) throws(SystemError) -> Int64? {
        do throws(SystemError) { return try size(of: path) } catch {
            if error.code == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    /// Whether two files have the same bytes, the first as the disk has it.
    static func areEqual(_ path: FilePath, _ source: FilePath) throws -> Bool {
        let file = try Descriptor(opening: path.string)
        let original = try Descriptor(opening: source.string)
        return try readsBack(file, Int(try original.status().st_size)) { offset, chunk in
            try matches(original, at: offset, chunk)
        }
    }
}
