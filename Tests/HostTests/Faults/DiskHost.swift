import LinuxSystem
import SysrootFixtures
import SystemPackage

/// A host whose sysroot is a file system of its own, and /boot another if it is asked for.
final class DiskHost {
    let host: HostFixture
    let disk: SmallDisk
    let boot: SmallDisk?

    private static let templates = MadeOnce<DiskHost>()

    /// A host that is ready for a command and not mounted, to be copied; the parameters are those of `init`.
    static func template(_ command: FaultCommand, files: Int? = nil, bootSize: Int? = nil) throws -> DiskHost {
        try templates.value("\(command.name) \(files ?? 0) \(bootSize ?? 0)") {
            let host = try DiskHost(command, files: files, bootSize: bootSize)
            PreparedHosts.keep(host.host)
            try host.unmount()
            return host
        }
    }

    /// Makes the file systems anew, and prepares the host for a command.
    ///
    /// - Parameters:
    ///   - size: bytes of the sysroot's file system.
    ///   - files: how many files it can hold.
    ///   - bootSize: bytes of /boot's; none for a folder in the sysroot.
    private init(_ command: FaultCommand, size: Int = 24 << 20, files: Int? = nil, bootSize: Int? = nil) throws {
        let prepared = try command.makeHost()
        host = try HostFixture.empty()
        disk = try SmallDisk(host.sysroot.beside("disk"), at: host.root, size: size, files: files)
        let isEmpty = try Files.names(in: prepared.root).isEmpty
        if let bootSize {
            boot = try SmallDisk(
                host.sysroot.beside("boot-disk"), at: host.root.appending("boot"), size: bootSize)
        } else {
            boot = nil
        }
        if !isEmpty { try Self.copy(prepared.root, to: host.root, separateBoot: bootSize != nil) }
        try disk.flush()
        try boot?.flush()
    }

    /// A copy of a host that is not mounted.
    init(copying other: DiskHost) throws {
        host = try HostFixture.empty()
        disk = try SmallDisk(copying: other.disk, host.sysroot.beside("disk"), at: host.root)
        let (image, place) = (host.sysroot.beside("boot-disk"), host.root.appending("boot"))
        boot = try other.boot.map { try SmallDisk(copying: $0, image, at: place) }
    }

    /// A kernel and its object are one file, which two file systems cannot share.
    private static func copy(_ folder: FilePath, to target: FilePath, separateBoot: Bool) throws {
        guard separateBoot else { return try PreparedHosts.copy(folder, to: target) }
        for name in try Files.names(in: folder) {
            try Files.makeFolder(target.appending(name))
            try PreparedHosts.copy(folder.appending(name), to: target.appending(name))
        }
    }

    /// Unmounts it, so that it can be copied.
    func unmount() throws {
        try boot?.unmount()
        try disk.unmount()
    }

    deinit {
        do { try unmount() } catch { print("a disk stays: \(error)") }
    }
}
