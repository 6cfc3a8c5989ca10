import Glibc
import LinuxSystem
import SystemPackage

/// A part of a disk as a device of its own, without a partition table and without the kernel's knowing of one.
final class LoopDevice {
    let path: FilePath
    private var isAttached = true

    /// - Throws: `DiskError.toolFailed` where loop devices are not possible.
    init(_ partition: DiskLayout.Partition, of disk: FilePath) throws {
        let output = try Tool.run([
            "losetup", "--find", "--show", "--offset", String(partition.start), "--sizelimit", String(partition.size),
            disk.string,
        ])
        path = FilePath(String(output.prefix { $0 != "\n" }))
    }

    /// Lets go of the device as soon as nothing uses it any more, which a mounted file system still does: so a killed
    /// process leaves none.
    func detach() throws {
        if isAttached { try Tool.run(["losetup", "--detach", path.string]) }
        isAttached = false
    }

    deinit {
        // Nothing more can be done when this fails than to leave a loop device behind.
        if isAttached { _ = try? Tool.run(["losetup", "--detach", path.string]) }
    }
}
