import BootLoaders
import Checksums
import Glibc
import LinuxSystem
import Sysroots
import SystemPackage

/// The entries on the boot partition, and what they lead to: the one switch of a host that has such a partition.
///
/// `prepare` only adds, `activate` switches, and the rest removes what no entry needs any more; in this order, each
/// durable before the next.
struct BootSwitch {
    let paths: SysrootPaths
    let configuration: BootConfiguration
    let partition: BootPartition
    let loader: any BootLoader
    private let reader: SysrootReader

    /// `nil` where the links below /boot are the switch.
    ///
    /// - Throws: `DeploymentError.partitionUnmounted`; `SysrootError.damagedState`, `SystemError`.
    init?(_ paths: SysrootPaths, host: RunningHost = RunningHost()) throws {
        guard let configuration = try BootConfiguration.load(paths) else { return nil }
        if let problem = BootMount(paths, configuration).problem {
            throw DeploymentError.partitionUnmounted(detail: problem.text)
        }
        self.paths = paths
        reader = SysrootReader(root: paths.root, host: host)
        self.configuration = configuration
        partition = paths.partition
        loader = configuration.bootLoader(on: partition)
    }

    // MARK: adding

    /// Makes the permanent link, and puts kernel and initramfs on the partition. Nothing boots by it yet.
    ///
    /// - Parameter found: what `requireSpace` has found of the same kernel in this turn.
    /// - Throws: `DeploymentError.notDeployable`, `BootLoaderError`, `SystemError`.
    func prepare(_ name: DeploymentName, _ found: KernelAddition? = nil) throws {
        FaultPoint.reached("boot.before-link")
        try makeLink(name)
        FaultPoint.reached("boot.after-link")
        let source = try kernel(of: name)
        if let found, found.source.bootChecksum == source.bootChecksum {
            try partition.addKernel(found)
        } else {
            try partition.addKernel(addition(of: source))
        }
    }

    /// Whether `prepare` has been here, as far as a look at the names tells.
    func isPrepared(_ name: DeploymentName, _ bootChecksum: String?) -> Bool {
        guard let bootChecksum else { return false }
        return Files.linkTarget(paths.bootLink(of: name)) == SysrootPaths.bootLinkTarget(name)
            && partition.hasKernel(BootPartition.kernelFolder(for: bootChecksum))
    }

    private func makeLink(_ name: DeploymentName) throws {
        let path = paths.bootLink(of: name)
        let target = SysrootPaths.bootLinkTarget(name)
        let folder = path.removingLastComponent()
        if Files.linkTarget(path) != target {
            try Files.makeFolder(folder)
            let temporary = Files.temporaryName(beside: path)
            try Files.makeLink(temporary, target: target)
            try Files.move(temporary, over: path)
        }
        for folder in [folder, paths.bootLinks, paths.state] { try Files.syncFolder(folder) }
    }

    /// The kernel of a deployment's folder.
    ///
    /// - Throws: `DeploymentError.notDeployable`, `SystemError`.
    func kernel(of name: DeploymentName) throws -> KernelSource {
        let modules = paths.folder(of: name).appending("usr/lib/modules")
        let versions = try Files.names(in: modules).filter { Files.exists(modules.appending($0).appending("vmlinuz")) }
        guard let version = versions.first, versions.count == 1 else {
            throw DeploymentError.notDeployable(detail: "\(modules) has \(versions.count) kernels, not one")
        }
        let folder = modules.appending(version)
        let initramfs = ["initramfs.img", "initramfs"].map { folder.appending($0) }.first { Files.exists($0) }
        guard let initramfs, !Files.exists(folder.appending("devicetree")), !Files.exists(folder.appending("dtb"))
        else {
            throw DeploymentError.notDeployable(
                detail: "a boot partition takes a kernel and an initramfs, and no device trees")
        }
        let kernel = folder.appending("vmlinuz")
        let checksum = try BootKernel.checksum(of: [kernel, initramfs])
        return KernelSource(bootChecksum: checksum, kernel: kernel, initramfs: initramfs)
    }

    /// Writes and removes a file on the partition, as an entry will be: what cannot be done now could not be done while
    /// the host shuts down.
    ///
    /// - Throws: `SystemError`.
    func testWriting() throws {
        let path = Files.temporaryName(beside: partition.own.appending("test"))
        try Files.makeFolder(partition.own)
        let file = try Descriptor(opening: path.string, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        defer { unlink(path.string) }
        try file.write([UInt8](repeating: 0, count: 4096))
        try file.sync()
    }

    // MARK: switching

    /// Gives a prepared deployment the newest entry: it boots next.
    ///
    /// - Parameters:
    ///   - bootChecksum: that of its kernel, where it is known.
    ///   - tries: how often, before the next one is tried; `nil` for one that has proved itself.
    ///   - title: what the menu shows.
    ///   - arguments: the kernel's, without `ostree=`.
    /// - Throws: `BootLoaderError`, `SystemError`.
    func activate(
        _ name: DeploymentName, _ bootChecksum: String?, title: String, arguments: [String], tries: Int?
    ) throws {
        try activate(
            name, bootChecksum, title: title, arguments: arguments, counter: tries.map { TryCounter(left: $0) })
    }

    /// The same with tries that may have been used already, and at another place than the first.
    func activate(
        _ name: DeploymentName, _ bootChecksum: String?, title: String, arguments: [String], counter: TryCounter?,
        generation: Int? = nil
    ) throws {
        let entry = try entry(
            name, bootChecksum, title: title, arguments: arguments, counter: counter, generation: generation)
        try loader.add(entry)
    }

    /// Finds out whether `activate` would be refused.
    ///
    /// - Throws: as `activate`.
    func rehearse(_ name: DeploymentName, _ bootChecksum: String?, title: String, arguments: [String]) throws {
        try loader.check(entry(name, bootChecksum, title: title, arguments: arguments, counter: nil))
    }

    private func entry(
        _ name: DeploymentName, _ bootChecksum: String?, title: String, arguments: [String], counter: TryCounter?,
        generation: Int? = nil
    ) throws -> LoaderEntry {
        let entryName = try EntryName(
            stateroot: name.stateroot, generation: generation ?? loader.listing().nextGeneration,
            counter: counter)
        let kernel = try BootPartition.kernelFolder(for: bootChecksum ?? kernel(of: name).bootChecksum)
        return LoaderEntry(
            name: entryName, folder: name.folderName, title: title, kernelFolder: kernel, arguments: arguments)
    }

    /// Whether the first entry is this deployment's.
    func isDefault(_ name: DeploymentName) throws -> Bool {
        try loader.listing().entries.first?.deployment == name.description
    }

    /// The deployment's entries, the one that is tried first in front.
    func entries(of name: DeploymentName) throws -> [LoaderEntry] {
        try loader.listing().entries(of: name.description)
    }

    // MARK: removing

    /// Removes entries of a deployment.
    ///
    /// - Parameter onlySuperseded: whether the one that stands for it stays.
    /// - Throws: `BootLoaderError.lastEntry`, `.lastGood`, `SystemError`.
    func removeEntries(of name: DeploymentName, onlySuperseded: Bool = false) throws {
        let entries = try onlySuperseded ? superseded(of: name) : entries(of: name)
        for generation in Set(entries.map(\.generation)).sorted() { try loader.remove(generation: generation) }
    }

    /// The entries of a deployment that has a better one: without a counter before one with, and then the newer one.
    func superseded(of name: DeploymentName) throws -> [LoaderEntry] {
        let all = try entries(of: name)
        let best = all.first(where: partition.isProven) ?? all.first(where: partition.canBoot) ?? all.first
        return all.filter { $0.generation != best?.generation }
    }

    /// Removes the permanent link of a deployment without entries.
    func removeLink(of name: DeploymentName) throws {
        let path = paths.bootLink(of: name)
        guard Files.exists(path) else { return }
        try Files.remove(path)
        try Files.syncFolder(path.removingLastComponent())
    }

    /// The folders of kernels that entries name, or that these deployments have, what runs or the last good one, with
    /// entries or without. All of them where it cannot be told which kernel such a deployment has.
    ///
    /// - Parameter gone: deployments whose entries do not count.
    func neededKernels(by names: [DeploymentName], without gone: Set<DeploymentName> = []) throws -> Set<String> {
        let lost = Set(gone.map(\.description))
        var needed = Set(try loader.listing().entries.filter { !lost.contains($0.deployment) }.map(\.kernelFolder))
        let present = try partition.kernelFolders()
        let report = reader.readDeployments()
        let own = names + [report.booted?.name, LastGood.read(paths)].compactMap { $0 }
        for name in own where Files.isFolder(paths.folder(of: name)) {
            guard let folder = kernelFolder(of: name, report) else { return needed.union(present) }
            needed.insert(folder)
        }
        // Whoever has written entries by hand may have named our kernels in them.
        for text in try foreignTexts() { needed.formUnion(present.filter { text.contains($0) }) }
        return needed
    }

    /// - Returns: `nil` when neither the origin file nor the deployment's files tell.
    private func kernelFolder(of name: DeploymentName, _ report: SysrootReport) -> String? {
        let known = report.deployments.first { $0.name == name }?.bootChecksum
        do { return try BootPartition.kernelFolder(for: known ?? kernel(of: name).bootChecksum) } catch { return nil }
    }

    private func foreignTexts() throws -> [String] {
        let foreign = try loader.listing().foreign
        let folders = ["loader/entries", "hostctl/grub"].map { partition.root.appending($0) }
        let files = folders.flatMap { folder in foreign.map { folder.appending($0) } }
        return try (files + [partition.root.appending("grub/grub.cfg")]).compactMap { file in
            guard !Files.isFolder(file) else { return nil }
            return try Files.readIfPresent(file, limit: 4 << 20).map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
