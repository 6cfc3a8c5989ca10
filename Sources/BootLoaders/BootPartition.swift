import Glibc
public import LinuxSystem
public import SystemPackage

/// A mounted FAT boot partition: room, kernels, and files that are only ever added and removed.
///
/// FAT has no journal, and a rename over a name can leave two names with one content. So nothing is renamed over a
/// name or rewritten in place: a file is written under a temporary name, flushed, read back from the disk, renamed to a
/// name that is free, and its folder is flushed. The one exception is GRUB's environment block.
public struct BootPartition: Sendable, Hashable {
    /// Where it is mounted.
    public let root: FilePath
    /// The physical root of the sysroot that its entries lead to; `nil` where nobody can tell, and links are not
    /// followed then.
    public let sysroot: FilePath?

    public init(root: FilePath, sysroot: FilePath? = nil) {
        self.root = root
        self.sysroot = sysroot
    }

    /// Whether an entry leads to something that starts: its kernel is here, and its permanent link and the
    /// deployment behind it are there. The counter says nothing about that.
    public func canBoot(_ entry: LoaderEntry) -> Bool {
        guard hasKernel(entry.kernelFolder) else { return false }
        return sysroot.map { Files.isFolder(FilePath("\($0)\(entry.link)/usr")) } ?? true
    }

    /// Whether an entry can be booted and is not counted any more: what a host comes back to.
    public func isProven(_ entry: LoaderEntry) -> Bool { entry.counter == nil && canBoot(entry) }

    /// Whether an entry can be booted and has a try left, or needs none.
    public func canTry(_ entry: LoaderEntry) -> Bool { entry.counter?.isExhausted != true && canBoot(entry) }

    /// Everything of ours that is no loader's: kernels, GRUB's entries.
    public var own: FilePath { root.appending("hostctl") }

    /// Bytes of free clusters.
    ///
    /// - Throws: `SystemError`.
    public func freeSpace() throws(SystemError) -> Int64 { try FileSystemSpace(at: root).bytes }

    /// The bytes that a file of `size` takes: whole clusters.
    ///
    /// - Throws: `SystemError`.
    public func space(forFileOf size: Int64) throws(SystemError) -> Int64 {
        let cluster = try clusterSize()
        return (size + cluster - 1) / cluster * cluster
    }

    func clusterSize() throws(SystemError) -> Int64 {
        var status = statvfs()
        try retrying("measure the free space of", root.string) { statvfs(root.string, &status) }
        return max(Int64(status.f_frsize), 1)
    }

    /// Flushes the whole partition.
    ///
    /// - Throws: `SystemError`.
    public func flush() throws(SystemError) {
        try Descriptor(opening: root.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
    }
}
