import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A part of a disk as a device of its own, without a partition table and without the kernel's knowing of one.
///
/// The kernel takes the device away when its last user goes: this value, a tool or a mount. So a process that is killed
/// leaves none.
final class LoopDevice {
    let path: FilePath
    private var device: Descriptor?

    /// - Parameter sector: the disk's sectors, in bytes: a file system that is made for smaller ones cannot be mounted
    ///   there.
    /// - Throws: `SystemError`, also where loop devices are not possible.
    init(_ partition: DiskLayout.Partition, of disk: FilePath, sector: Int64) throws(SystemError) {
        let file = try Descriptor(opening: disk.string, flags: O_RDWR)
        var name = [CChar](repeating: 0, count: 32)
        let raw = try retrying("attach a loop device to", disk.string) {
            hostctl_attach_loop(
                file.raw, UInt64(partition.start), UInt64(partition.size), UInt32(sector), &name)
        }
        path = FilePath(String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        device = Descriptor(adopting: raw, path: path.string)
    }

    /// Lets go of the device; what has it mounted keeps it.
    func detach() { device = nil }
}
