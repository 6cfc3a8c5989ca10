import Glibc
import LinuxSystem
public import Sysroots
public import SystemPackage
import TestSupport

/// A host's disk whose file systems were brought back as a boot does it, for a look at them and for commands on them.
///
/// The boot partition is copied out by mtools, since not every kernel that builds this has FAT: first as a loader sees
/// it, which repairs nothing, then once more after the check that the host makes when it boots.
public final class MountedHost {
    /// The sysroot. What commands write to its boot partition goes to the copy.
    public let root: FilePath
    /// What a boot loader sees.
    public let loaderView: FilePath
    private let folder: FilePath
    private var mounts: [FilePath] = []

    public var paths: SysrootPaths { SysrootPaths(root: root) }

    /// - Parameters:
    ///   - disk: where the partitions are.
    ///   - image: the disk; it is changed.
    ///   - folder: for mount points and copies; made here, and removed with the value.
    /// - Throws: when a file system cannot be brought back.
    public init(_ disk: HostDisk, _ image: FilePath, in folder: FilePath) throws {
        self.folder = folder
        (root, loaderView) = (folder.appending("root"), folder.appending("loader-view"))
        let checkedView = folder.appending("boot")
        for path in [root, loaderView, checkedView] { try Files.makeFolder(path) }
        try Self.copyBoot(image, at: disk.boot.lowerBound, to: loaderView)
        try Self.check(disk.boot, of: image, with: "/sbin/fsck.vfat", in: folder)
        try Self.copyBoot(image, at: disk.boot.lowerBound, to: checkedView)
        try mountRoot(disk.root, image)
        let place = root.appending("boot/efi")
        try Files.makeFolder(place)
        try Tool.output("/bin/mount", "--bind", checkedView.string, place.string)
        mounts.append(place)
    }

    static func copyBoot(_ image: FilePath, at offset: Int, to folder: FilePath) throws {
        let source = "\(image)@@\(offset)"
        try copy("::/", in: list("::/", in: source), of: source, to: folder)
    }

    /// The names in a folder, with a stroke at the end of folders.
    private static func list(_ path: String, in source: String) throws -> [String] {
        try Tool.output("/usr/bin/mdir", "-b", "-i", source, path).split(separator: "\n").map { line in
            String(line.dropFirst(path.count))
        }
    }

    /// A name whose place is free in the table came to the disk before that, or was about to go. What reads it gets
    /// nothing: mtools do not even list what stands beside such a folder, a loader does.
    private static func copy(_ path: String, in names: [String], of source: String, to folder: FilePath) throws {
        for name in names {
            let target = folder.appending(name.last == "/" ? String(name.dropLast()) : name)
            if name.last == "/" {
                try Files.makeFolder(target)
                let inside = (try? list("\(path)\(name)", in: source)) ?? []
                try copy("\(path)\(name)", in: inside, of: source, to: target)
                continue
            }
            do {
                try Tool.output("/usr/bin/mcopy", "-n", "-Q", "-i", source, "\(path)\(name)", target.string)
            } catch {
                try Files.replace(target, with: [])
            }
        }
    }

    /// Checks a partition as `fsck -a` does, with a loop device that shows nothing else of the disk.
    private static func check(
        _ range: Range<Int>, of image: FilePath, with program: String, in folder: FilePath
    ) throws {
        let loop =
            try Tool.output(
                "/sbin/losetup", "--find", "--show", "--offset", "\(range.lowerBound)", "--sizelimit", "\(range.count)",
                image.string
            ).split(separator: "\n").first.map(String.init) ?? ""
        defer { _ = try? run(["/sbin/losetup", "--detach", loop]) }
        // 1: errors were corrected.
        try Tool.output(program, "-a", loop, allowing: 0...1)
    }

    /// As the initramfs does: the journal is replayed, and only a file system that cannot be mounted is checked first.
    private func mountRoot(_ range: Range<Int>, _ image: FilePath) throws {
        let options = "loop,offset=\(range.lowerBound),sizelimit=\(range.count)"
        let mount = ["/bin/mount", "-o", options, image.string, root.string]
        if try run(mount).status != 0 {
            try Self.check(range, of: image, with: "/sbin/e2fsck", in: folder)
            try Tool.output("/bin/mount", "-o", options, image.string, root.string)
        }
        mounts.append(root)
    }

    deinit {
        for place in mounts.reversed() {
            // A process that was just started elsewhere may hold it for a moment.
            let isDone = waitUntil { (try? Tool.output("/bin/umount", place.string)) != nil }
            if !isDone { print("a state stays mounted: \(place)") }
        }
        do { try Files.removeTree(folder) } catch { print("a state stays: \(error)") }
    }
}
