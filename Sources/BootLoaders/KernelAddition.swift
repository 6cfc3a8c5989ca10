import LinuxSystem
import SystemPackage

/// The bytes that a kernel and its initramfs take on a boot partition, in whole clusters.
public struct KernelSpace: Sendable, Equatable {
    /// The name of their folder.
    public let folder: String
    /// For what is not there of them, in the moment that takes the most.
    public let needed: Int64
    /// For all of them, as if nothing were there.
    public let whole: Int64
}

/// A kernel, and what the boot partition has of it: compared once, so that the room for it is known before anything is
/// written, and what is to be written.
public struct KernelAddition: Sendable {
    public let source: KernelSource
    public let space: KernelSpace
    let changes: [Change]

    /// What becomes of one file.
    struct Change: Sendable {
        let name: String
        let source: FilePath
        let size: Int64
        /// Bytes of the file that is there; 0 without one.
        let present: Int64
        var step: Step
    }

    enum Step: Sendable {
        /// It is there with its content.
        case keep
        case add
        /// What differs stays until its replacement is beside it.
        case exchange
        /// What differs is removed, then its replacement is added.
        case replace
    }
}

extension BootPartition {
    /// Compares a kernel with what is there of it. Nothing is written.
    ///
    /// - Parameter isInUse: whether something may boot by what is there; asked when that differs.
    /// - Throws: `SystemError`, what `isInUse` throws.
    public func addition(of source: KernelSource, isInUse: () throws -> Bool = { true }) throws -> KernelAddition {
        let folder = Self.kernelFolder(for: source.bootChecksum)
        var changes: [KernelAddition.Change] = []
        for (name, original) in source.files {
            let path = own.appending(folder).appending(name)
            let size = try Self.size(of: original)
            let present = try Self.sizeIfPresent(of: path)
            let isRight = try present == size && Self.areEqual(path, original)
            let step: KernelAddition.Step = present == nil ? .add : isRight ? .keep : .exchange
            changes.append(
                KernelAddition.Change(name: name, source: original, size: size, present: present ?? 0, step: step))
        }
        if changes.contains(where: { $0.step == .exchange }), try !isInUse() {
            for index in changes.indices where changes[index].step == .exchange { changes[index].step = .replace }
        }
        let files = changes.map { (size: $0.size, present: $0.present, step: $0.step) }
        return KernelAddition(source: source, space: try space(of: files, in: folder), changes: changes)
    }

    /// The room for a kernel and an initramfs of so many bytes, which need not be here yet: files of the right size are
    /// taken for the right ones.
    ///
    /// - Parameter isInUse: as for `addition(of:isInUse:)`.
    /// - Throws: `SystemError`, what `isInUse` throws.
    public func space(
        forKernel kernel: Int64, initramfs: Int64, bootChecksum: String, isInUse: () throws -> Bool = { true }
    ) throws -> KernelSpace {
        let folder = Self.kernelFolder(for: bootChecksum)
        var files: [(size: Int64, present: Int64, step: KernelAddition.Step)] = []
        for (name, size) in [(Self.kernelName, kernel), (Self.initramfsName, initramfs)] {
            let present = try Self.sizeIfPresent(of: own.appending(folder).appending(name))
            let step: KernelAddition.Step = present == nil ? .add : present == size ? .keep : .exchange
            files.append((size: size, present: present ?? 0, step: step))
        }
        if files.contains(where: { $0.step == .exchange }), try !isInUse() {
            for index in files.indices where files[index].step == .exchange { files[index].step = .replace }
        }
        return try space(of: files, in: folder)
    }

    /// The room for files that are written one after another.
    private func space(
        of files: [(size: Int64, present: Int64, step: KernelAddition.Step)], in folder: String
    ) throws(SystemError) -> KernelSpace {
        let cluster = try clusterSize()
        var taken = Files.isFolder(own.appending(folder)) ? 0 : cluster
        var (most, whole) = (taken, cluster)
        for file in files {
            let new = try space(forFileOf: file.size)
            whole += new
            if file.step == .keep { continue }
            if file.step == .exchange { most = max(most, taken + new) }
            taken += try new - space(forFileOf: file.present)
            most = max(most, taken)
        }
        return KernelSpace(folder: folder, needed: most, whole: whole)
    }
}
