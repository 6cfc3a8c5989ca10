import BootLoaders
import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
public import Sysroots
import SystemPackage

extension DeploymentRepair {
    /// Copies a kernel and initramfs that are damaged or missing under /boot from the deployment that they belong to.
    ///
    /// - Returns: whether there was something to do and it was done. Not so when the deployment's own are others, or
    ///   have device trees.
    /// - Throws: `DeploymentError.notEnoughSpace` or `BootLoaderError.noSpace` before a kernel is written; `SystemError`;
    ///   files under /boot are replaced one by one, each in one step.
    public func repairKernel(of record: DeploymentRecord) throws -> Bool {
        guard let checksum = record.bootChecksum, SysrootReader(root: paths.root).kernelProblem(of: record) != nil,
            let version = try kernelVersion(of: record)
        else { return false }
        if let boot = try BootSwitch(paths) {
            guard try boot.kernel(of: record.name).bootChecksum == checksum else { return false }
            try boot.prepare(record.name)
            return SysrootReader(root: paths.root).kernelProblem(of: record) == nil
        }
        let modules = paths.folder(of: record.name).appending("usr/lib/modules").appending(version)
        var files: [(source: FilePath, name: String)] = []
        for (names, target) in [
            (["vmlinuz"], "vmlinuz-\(version)"), (["initramfs.img", "initramfs"], "initramfs-\(version).img"),
            (["devicetree"], "devicetree-\(version)"),
        ] {
            let source = names.map { modules.appending($0) }.first { Files.exists($0) }
            if let source { files.append((source, target)) }
        }
        guard try BootKernel.checksum(of: files.map(\.source)) == checksum else { return false }
        let folder = paths.kernelFolder(stateroot: record.stateroot, bootChecksum: checksum)
        let copies = files.map { (source: $0.source, place: folder.appending($0.name)) }
        try SpaceCheck(paths).require(paths.boot, bytes: Self.room(for: copies), files: Int64(files.count) + 1)
        try Files.makeFolder(folder)
        for file in files {
            FaultPoint.reached("repair.before-kernel")
            try Files.copy(file.source, over: folder.appending(file.name))
            FaultPoint.reached("repair.after-kernel")
        }
        return SysrootReader(root: paths.root).kernelProblem(of: record) == nil
    }

    /// The most that copying takes at any moment: each copy lies beside what it replaces for a while.
    private static func room(for copies: [(source: FilePath, place: FilePath)]) throws -> Int64 {
        var present: Int64 = 0
        var most: Int64 = 0
        for copy in copies {
            var old = stat()
            var new = stat()
            try retrying("examine", copy.source.string) { lstat(copy.source.string, &new) }
            present += Int64(new.st_size)
            most = max(most, present)
            if lstat(copy.place.string, &old) == 0 { present -= Int64(old.st_blocks) * 512 }
        }
        return most
    }

    /// The one kernel of a deployment.
    private func kernelVersion(of record: DeploymentRecord) throws -> String? {
        let modules = paths.folder(of: record.name).appending("usr/lib/modules")
        guard Files.isFolder(modules), !Files.isFolder(modules.appending("dtb")) else { return nil }
        let versions = try Files.names(in: modules).filter {
            Files.exists(modules.appending($0).appending("vmlinuz"))
        }
        return versions.count == 1 ? versions.first : nil
    }
}

extension Files {
    /// Copies a file's content in the place of another, in one durable step. It has mode 0644.
    ///
    /// - Throws: `SystemError`.
    static func copy(_ source: FilePath, over path: FilePath) throws(SystemError) {
        let temporary = temporaryName(beside: path)
        do throws(SystemError) {
            let input = try Descriptor(opening: source.string, flags: O_RDONLY | O_NOFOLLOW)
            let output = try Descriptor(opening: temporary.string, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
            defer { buffer.deallocate() }
            while true {
                let count = try input.read(into: buffer)
                if count == 0 { break }
                try output.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
            try output.sync()
        } catch {
            unlink(temporary.string)
            throw error
        }
        try move(temporary, over: path)
    }
}
