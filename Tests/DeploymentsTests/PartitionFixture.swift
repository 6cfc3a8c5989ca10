import BootLoaders
import Checksums
import Deployments
import Glibc
import LinuxSystem
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// A sysroot with a boot partition, which may be the running host's.
final class PartitionFixture {
    let fixture: TestSysroot
    /// How large the partition is, as `mount` takes it.
    static let size = "8m"

    /// What the last change has warned of.
    let warnings = Guarded<[String]>([])

    private let kind: LoaderKind

    init(_ loader: LoaderKind = .systemdBoot, size: String = PartitionFixture.size) throws {
        kind = loader
        fixture = try TestSysroot()
        try SysrootChange.initialize(root: fixture.root, stateroot: "host")
        try Files.makeFolder(paths.bootPartition)
        try mount(size)
        try BootConfiguration(loader: loader, partition: "12345678-01").save(paths)
    }

    deinit {
        unmountState()
        do { try unmount() } catch { print("the boot partition stays: \(error)") }
    }

    func mount(_ size: String = PartitionFixture.size) throws {
        // The kernels of this machine and of continuous integration have no FAT; what matters here is another file system.
        try tool("/bin/mount", "-t", "tmpfs", "-o", "size=\(size),mode=0700", "none", paths.bootPartition.string)
    }

    func unmount() throws { try tool("/bin/umount", paths.bootPartition.string) }

    private func tool(_ arguments: String...) throws {
        let result = try run(arguments)
        guard result.status == 0 else { throw CommandFailed(command: "\(arguments)", errors: result.errorText) }
    }

    var root: FilePath { fixture.root }
    var paths: SysrootPaths { fixture.paths }
    private var running: FilePath { fixture.beside("running") }
    var host: RunningHost {
        RunningHost(
            marker: running.appending("marker"), commandLine: running.appending("cmdline"),
            root: running.appending("root"), ostree: root.appending("ostree"), state: running.appending("var"))
    }

    /// What runs has this folder as /var, as an initramfs mounts it, whatever its name becomes.
    func mountState(_ folder: FilePath) throws {
        unmountState()
        try Files.makeFolder(running.appending("var"))
        try tool("/bin/mount", "--bind", folder.string, running.appending("var").string)
    }

    private func unmountState() { umount2(running.appending("var").string, Int32(MNT_DETACH)) }

    var report: SysrootReport { SysrootReader(root: root, host: host).report() }
    /// The versions in boot order; with `+` those that are counted, in brackets what is staged.
    var versions: [String] {
        report.listed.map { ($0.version ?? "?") + ($0.triesLeft.map { "+\($0)" } ?? "") }
            + [report.staged].compactMap { $0.map { "[\($0.version ?? "?")]" } }
    }
    var problems: Set<SysrootProblem.Kind> { Set(report.allProblems.map(\.kind)) }
    var loader: any BootLoader {
        BootConfiguration(loader: kind, partition: "").bootLoader(on: paths.partition)
    }
    var entries: [String] { get throws { try loader.listing().entries.map(\.name.text) } }

    /// Starts what somebody chooses in the loader's menu.
    func boot(version: String) throws {
        try boot(try #require(report.listed.first { $0.version == version }).name)
    }

    func boot(_ name: DeploymentName) throws {
        try start(try #require(try loader.listing().entries(of: name.description).first))
    }

    /// Starts what is first in the order, as a boot loader would; it proves itself.
    func boot(isGood: Bool = true) throws {
        let entry = try #require(try loader.listing().entries.first)
        if isGood { try loader.markGood(generation: entry.generation) }
        try start(entry)
    }

    private func start(_ entry: LoaderEntry) throws {
        let name = try #require(DeploymentName(text: entry.deployment))
        try Files.makeFolder(running)
        try Files.replace(running.appending("marker"), with: [])
        try Files.replace(running.appending("cmdline"), with: Array("root=x ostree=\(entry.link)\n".utf8))
        try Files.remove(running.appending("root"))
        try Files.makeLink(running.appending("root"), target: paths.folder(of: name).string)
    }

    /// Something runs, and neither its root nor the kernel's command line tells what.
    func forgetBooted() throws {
        try Files.remove(running.appending("root"))
        try Files.replace(running.appending("cmdline"), with: Array("root=x\n".utf8))
    }

    func change(_ command: String = "hostctl test") throws -> SysrootChange {
        warnings.with { $0 = [] }
        let notices = Notices(warning: { [warnings] sentence in warnings.with { $0.append(sentence) } })
        return try SysrootChange(root: root, command: command, host: host, notices: notices)
    }

    /// An image with a kernel of its own.
    static func image(_ version: String, kernelSize: Int = 6) -> TestImage {
        var image = TestImage(version)
        image.kernel = String(repeating: "kernel\(version) ", count: kernelSize)
        image.files["usr/etc/release"] = "\(version)\n"
        return image
    }

    @discardableResult
    func deploy(_ image: TestImage, prunes: Bool = false, arguments: [String] = []) throws -> DeploymentRecord {
        let commit = try image.commit(to: fixture.store)
        var request = DeployRequest(
            commit: commit, refspec: TestImage.ref, stateroot: "host", kernelArguments: arguments)
        request.prunes = prunes
        return try change("hostctl upgrade").deploy(request)
    }

    @discardableResult
    func deploy(_ version: String) throws -> DeploymentRecord { try deploy(Self.image(version)) }

    @discardableResult
    func finalize(resuming: Bool = false) throws -> SysrootChange.Finalization {
        try SysrootChange.finalize(root: root, resuming ? .resumption : .shutdown, host: host)
    }

    /// What runs, whose /etc is the live one.
    func booted() throws -> FilePath { paths.folder(of: try #require(report.booted).name) }

    /// A file in a deployment's /etc, or nothing.
    func etc(_ name: String, of folder: FilePath) throws -> String? {
        try Files.readIfPresent(folder.appending("etc").appending(name), limit: 9999)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// What a deployment has as /var, by the rule of the initramfs.
    func state(of name: DeploymentName) -> FilePath {
        let link = paths.state.appending("var").appending(name.stateroot).appending(name.folderName)
        return Files.isFolder(link) ? link : paths.deploy.appending(name.stateroot).appending("var")
    }

    /// Edits /etc of what runs.
    func edit(_ name: String, _ text: String) throws {
        try Files.replace(try booted().appending("etc").appending(name), with: Array(text.utf8))
    }

    /// A running host at 2, with 1 to go back to.
    static func running(_ loader: LoaderKind = .systemdBoot) throws -> PartitionFixture {
        let host = try PartitionFixture(loader)
        try host.deploy("1")
        try host.boot()
        try host.deploy("2")
        try host.finalize()
        try host.boot()
        return host
    }

    /// What has to hold of a healthy host: every entry leads to a whole deployment, the stock tools list the same ones
    /// in the same order, every object is whole, and nothing is left over.
    func expectHealthy(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let report = report
        #expect(report.allProblems == [], sourceLocation: sourceLocation)
        let all = report.listed + [report.staged].compactMap { $0 }
        let stock = try fixture.stockStatus()
        #expect(stock == all.map { $0.name.folderName + "*" }, sourceLocation: sourceLocation)
        #expect(throws: Never.self, sourceLocation: sourceLocation) { try fixture.fsck() }
        let leases = try fixture.store.refs(below: DeploymentName.leases)
        #expect(Set(leases.keys) == Set(all.map(\.name.lease)), sourceLocation: sourceLocation)
        let links = try Set(Files.names(in: paths.bootLinks.appending("host")))
        #expect(links == Set(all.map(\.name.folderName)), sourceLocation: sourceLocation)
        for record in all {
            let link = paths.bootLink(of: record.name)
            #expect(Files.isFolder(link.appending("usr")), sourceLocation: sourceLocation)
        }
        let kernels = try Set(loader.partition.kernelFolders())
        let expected = Set(all.compactMap { $0.bootChecksum.map(BootPartition.kernelFolder(for:)) })
        #expect(kernels == expected, sourceLocation: sourceLocation)
        let listing = try loader.listing()
        #expect(listing.damaged.isEmpty && listing.duplicates.isEmpty, sourceLocation: sourceLocation)
        #expect(Set(listing.entries.map(\.deployment)).count == listing.entries.count, sourceLocation: sourceLocation)
        #expect(
            listing.entries.allSatisfy { loader.partition.hasKernel($0.kernelFolder) }, sourceLocation: sourceLocation)
        #expect(try PendingChange.load(paths) == nil, sourceLocation: sourceLocation)
        let folders = Set(all.flatMap { [$0.name.folderName, "\($0.name.folderName).origin"] })
        let present = try Set(Files.names(in: paths.deployments(of: "host")))
        #expect(present == folders, sourceLocation: sourceLocation)
    }
}
