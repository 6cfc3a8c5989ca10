import BootLoaders
import Checksums
import Glibc
import HealthChecks
import LinuxSystem
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// A running host with a boot partition and deployments that are nothing but folders and entries.
final class BootFixture {
    let folder: TemporaryFolder
    let paths: SysrootPaths
    let kind: LoaderKind
    private(set) var boots = 0
    private var isMounted = false
    private var kept: FilePath { folder.path.appending("partition") }

    init(_ kind: LoaderKind = .systemdBoot) throws {
        self.kind = kind
        folder = try TemporaryFolder(inMemory: true)
        paths = SysrootPaths(root: folder.path.appending("root"))
        try Files.makeFolder(paths.bootPartition)
        try mount()
        try Files.makeFolder(paths.state)
        try BootConfiguration(loader: kind, partition: "12345678-01").save(paths)
    }

    deinit {
        do { try unmount() } catch { print("the boot partition stays: \(error)") }
    }

    /// What matters is another file system. What was there when it was unmounted is there again.
    func mount() throws {
        let place = paths.bootPartition.string
        let result = try run(["/bin/mount", "-t", "tmpfs", "-o", "size=8m", "none", place])
        try #require(result.status == 0, "\(result.errorText)")
        isMounted = true
        if Files.exists(kept) {
            let copy = try run(["/bin/cp", "-a", "\(kept)/.", place])
            try #require(copy.status == 0, "\(copy.errorText)")
        }
    }

    func unmount() throws {
        if !isMounted { return }
        let place = paths.bootPartition.string
        let script = "rm -rf '\(kept)' && cp -a '\(place)' '\(kept)' && umount '\(place)'"
        let result = try run(["/bin/sh", "-c", script])
        try #require(result.status == 0, "\(result.errorText)")
        isMounted = false
    }

    var partition: BootPartition { paths.partition }
    var loader: any BootLoader { BootConfiguration(loader: kind, partition: "").bootLoader(on: partition) }
    var names: [String] { get throws { try loader.listing().entries.map(\.name.text) } }
    var records: BootRecords { get throws { try BootRecords.load(paths) } }

    private var running: FilePath { folder.path.appending("running") }
    private var host: RunningHost {
        RunningHost(
            marker: running.appending("marker"), commandLine: running.appending("cmdline"),
            root: running.appending("root"), ostree: paths.root.appending("ostree"),
            bootIdentity: running.appending("boot-id"))
    }
    var assessment: BootAssessment { BootAssessment(root: paths.root, command: "hostctl test", host: host) }
    var report: SysrootReport { SysrootReader(root: paths.root, host: host).report() }

    static func checksum(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "a", count: 64 - digits.count) + digits
    }

    /// Adds a deployment and its entry; its number is its version.
    ///
    /// - Parameter commit: the store's; by default there is none.
    @discardableResult
    func add(_ number: Int, tries: Int = 3, serial: Int = 0, commit: Checksum? = nil) throws -> LoaderEntry {
        let name = try #require(
            DeploymentName(text: "host/\(commit?.hex ?? Self.checksum(number)).\(serial)"))
        try Files.makeFolder(paths.folder(of: name).appending("usr"))
        let origin = "[origin]\nrefspec=lean/stable\n[hostctl]\nversion=\(number)\n"
        try Files.replace(paths.origin(of: name), with: Array(origin.utf8))
        let link = paths.bootLink(of: name)
        try Files.makeFolder(link.removingLastComponent())
        try Files.makeLink(link, target: SysrootPaths.bootLinkTarget(name))
        let kernel = try partition.addKernel(
            KernelSource(
                bootChecksum: Self.checksum(number), kernel: folder.write("vmlinuz", text: "kernel \(number)"),
                initramfs: folder.write("initramfs.img", text: "initramfs")))
        let entry = LoaderEntry(
            name: try EntryName(
                stateroot: "host", generation: loader.listing().nextGeneration,
                counter: tries > 0 ? TryCounter(left: tries) : nil),
            folder: name.folderName, title: "Host \(number)", kernelFolder: kernel, arguments: ["rw"])
        try loader.add(entry)
        return entry
    }

    /// Starts what the loader would, which counts first.
    ///
    /// - Returns: the version that runs.
    @discardableResult
    func boot() throws -> Int {
        let entry = try #require(try loader.listing().entries.first)
        if let counter = entry.counter, !counter.isExhausted { try count(entry, counter.afterTry()) }
        let name = try #require(DeploymentName(text: entry.deployment))
        try Files.makeFolder(running)
        try Files.replace(running.appending("marker"), with: [])
        try bootUncounted()
        try Files.replace(running.appending("cmdline"), with: Array("ostree=\(entry.link)\n".utf8))
        try Files.remove(running.appending("root"))
        try Files.makeLink(running.appending("root"), target: paths.folder(of: name).string)
        return try #require(Int(entry.title.dropFirst(5)))
    }

    /// The same deployment starts again, by a loader that does not count.
    func bootUncounted() throws {
        boots += 1
        try Files.replace(running.appending("boot-id"), with: Array("boot-\(boots)\n".utf8))
    }

    /// What follows from a failed boot, in a word.
    func fails(_ reason: String) throws -> String {
        switch try assessment.fail(reason: reason) {
        case .restart: "restart"
        case .stay: "stay"
        }
    }

    private func count(_ entry: LoaderEntry, _ counter: TryCounter) throws {
        if kind == .systemdBoot {
            let folder = paths.bootPartition.appending("loader/entries")
            let new = try EntryName(stateroot: "host", generation: entry.generation, counter: counter)
            let names = [entry.name.text, new.text].map { folder.appending("\($0).conf").string }
            try #require(rename(names[0], names[1]) == 0)
        } else {
            let result = try run([
                "/usr/bin/grub-editenv", paths.bootPartition.appending("grub/grubenv").string, "set",
                "hostctl_counting=\(entry.generation)", "hostctl_left=\(counter.left)", "hostctl_done=\(counter.done)",
            ])
            try #require(result.status == 0, "\(result.errorText)")
        }
    }
}
