import Checksums
import Glibc
import LinuxSystem
public import Sysroots
import SystemPackage

extension SysrootReader {
    /// What is wrong with a deployment's kernel under /boot, whose folder is named by the checksum of kernel and
    /// initramfs; `nil` when nothing is, or it cannot be told.
    public func kernelProblem(of record: DeploymentRecord) -> SysrootProblem? {
        guard let checksum = record.bootChecksum else { return nil }
        let kernel = BootKernel(paths.bootKernel(of: record, checksum))
        func damaged(_ text: String) -> SysrootProblem {
            SysrootProblem(.damagedKernel, path: kernel.folder.string, "the kernel of \(record.name) \(text)")
        }
        do throws(SystemError) {
            guard let names = try kernel.names() else { return nil }
            guard names.contains(where: { $0.hasPrefix("vmlinuz") }) else { return damaged("is missing from /boot") }
            return try kernel.checksum(names) == checksum ? nil : damaged("is damaged under /boot")
        } catch {
            let isMissing = error.code == .noSuchFileOrDirectory
            return damaged(isMissing ? "is missing from /boot" : "cannot be read: \(error.reason)")
        }
    }
}

/// A folder under /boot/ostree.
struct BootKernel {
    let folder: FilePath

    init(_ folder: FilePath) { self.folder = folder }

    /// What it holds; `nil` when there are device trees, whose checksum libostree alone knows how to make.
    func names() throws(SystemError) -> [String]? {
        let names = try Files.names(in: folder).filter { !Files.isTemporary($0) }
        return names.contains { Files.isFolder(folder.appending($0)) } ? nil : names
    }

    /// The checksum of kernel, initramfs and device tree, as libostree names the folder.
    func checksum(_ names: [String]) throws(SystemError) -> String {
        try Self.checksum(
            of: ["vmlinuz", "initramfs", "devicetree"].flatMap { prefix in
                names.filter { $0.hasPrefix(prefix) }.map { folder.appending($0) }
            })
    }

    /// The checksum of files one after another.
    static func checksum(of files: [FilePath]) throws(SystemError) -> String {
        var hasher = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        for path in files {
            let file = try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            while true {
                let count = try file.read(into: buffer)
                if count == 0 { break }
                hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
        return hasher.finish().hex
    }
}
