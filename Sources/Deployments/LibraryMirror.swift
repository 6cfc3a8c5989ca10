import Checksums
import Glibc
import LinuxSystem
import Sysroots
import SystemPackage

/// libostree's list of deployments, on a host whose boot loader reads other entries: what `ostree admin` shows, and
/// what it keeps of deployments when it cleans up.
///
/// Nothing boots by it. It is written in libostree's layout and its order of steps: the new entries and links beside the
/// old ones, then one link that says which count.
struct LibraryMirror {
    /// One entry.
    struct Entry: Equatable {
        let name: DeploymentName
        let bootChecksum: String
        let title: String
        let arguments: [String]
    }

    private let paths: SysrootPaths
    private let present: BootOrder

    init(_ paths: SysrootPaths) {
        self.paths = paths
        present = BootOrder(reading: paths)
    }

    /// Lists these, the default first, and after them what stock tools have listed besides and is still there.
    ///
    /// - Throws: `SystemError`; the old list is there then.
    func write(_ entries: [Entry], without gone: Set<DeploymentName> = []) throws {
        let known = gone.union(entries.map(\.name))
        let others = present.listed.filter { !known.contains($0.name) && Files.isFolder(paths.folder(of: $0.name)) }
        let all = entries + others.map(Self.entry)
        guard present.listed.map(\.name) != all.map(\.name) || !present.problems.isEmpty else { return }
        let version = Files.linkTarget(paths.loader) == "loader.0" ? 1 : 0
        try writeLinks(all, version)
        try writeEntries(all, version)
        FaultPoint.reached("mirror.before-switch")
        let temporary = Files.temporaryName(beside: paths.loader)
        try Files.makeLink(temporary, target: "loader.\(version)")
        try Files.move(temporary, over: paths.loader)
        FaultPoint.reached("mirror.after-switch")
        for old in replaced(by: version) { try Files.removeTree(old) }
    }

    private static func entry(_ listed: BootOrder.Listed) -> Entry {
        Entry(
            name: listed.name, bootChecksum: listed.bootChecksum, title: listed.entry.title ?? listed.name.stateroot,
            arguments: listed.entry.kernelArguments)
    }

    private var ostree: FilePath { paths.root.appending("ostree") }

    /// What the other version had.
    private func replaced(by version: Int) -> [FilePath] {
        let other = 1 - version
        return [paths.boot.appending("loader.\(other)")]
            + ["boot.\(other)", "boot.\(other).0", "boot.\(other).1", "boot.\(version).1"].map { ostree.appending($0) }
    }

    private func link(_ entry: Entry, _ number: Int) -> String {
        "\(entry.name.stateroot)/\(entry.bootChecksum)/\(number)"
    }

    private func writeLinks(_ entries: [Entry], _ version: Int) throws {
        for name in ["boot.\(version)", "boot.\(version).0", "boot.\(version).1"] {
            try Files.removeTree(ostree.appending(name))
        }
        let folder = ostree.appending("boot.\(version).0")
        try Files.makeFolder(folder)
        for (number, entry) in entries.enumerated() {
            let path = folder.pushing(FilePath(link(entry, number)))
            try Files.makeFolder(path.removingLastComponent())
            try Files.makeLink(path, target: "../../../deploy/\(entry.name.stateroot)/deploy/\(entry.name.folderName)")
        }
        try Files.makeLink(ostree.appending("boot.\(version)"), target: "boot.\(version).0")
    }

    private func writeEntries(_ entries: [Entry], _ version: Int) throws {
        let loader = paths.boot.appending("loader.\(version)")
        try Files.removeTree(loader)
        let folder = loader.appending("entries")
        try Files.makeFolder(folder)
        for (number, entry) in entries.enumerated() {
            let options = ["ostree=/ostree/boot.\(version)/\(link(entry, number))"] + entry.arguments
            // A stock tool that writes the list anew puts the kernels there.
            let kernel = "/ostree/\(entry.name.stateroot)-\(entry.bootChecksum)"
            let lines = [
                "title \(entry.title) (ostree:\(number))", "version \(entries.count - number)",
                "options \(options.joined(separator: " "))", "linux \(kernel)/vmlinuz",
                "initrd \(kernel)/initramfs.img", "",
            ]
            let file = "ostree-\(entries.count - number)-\(entry.name.stateroot).conf"
            try write(Array(lines.joined(separator: "\n").utf8), to: folder.appending(file))
        }
        // Once for all of them.
        try Files.syncFolder(folder)
    }

    /// A file in a new folder, which nothing reads before the switch.
    private func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try Descriptor(opening: path.string, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
        try retrying("set the permissions of", path.string) { fchmod(file.raw, 0o644) }
        try file.write(bytes)
        try file.sync()
    }
}
