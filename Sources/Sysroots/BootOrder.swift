import LinuxSystem
public import SystemPackage

/// The deployments that have a boot entry, in the order in which they are tried, and what is wrong with the entries.
///
/// The same rules as libostree's, so that both agree on a healthy sysroot; but where libostree gives up, this
/// reads on.
public struct BootOrder: Sendable {
    /// A boot entry that leads to a deployment.
    public struct Listed: Sendable, Equatable {
        public let name: DeploymentName
        public let entry: BootEntry
        /// The checksum of kernel and initramfs, in the name of their folder.
        public let bootChecksum: String
    }

    /// The default first.
    public private(set) var listed: [Listed] = []
    /// Damage that belongs to no deployment.
    public private(set) var problems: [SysrootProblem] = []

    private let entries: FilePath

    /// Reads the boot entries and follows the boot links.
    ///
    /// - Parameter entries: the folder of the entries, by default `/boot/loader/entries`.
    public init(reading paths: SysrootPaths, entries: FilePath? = nil) {
        self.entries = entries ?? paths.bootEntries
        for entry in readEntries(paths) { add(entry, paths) }
    }

    private mutating func readEntries(_ paths: SysrootPaths) -> [BootEntry] {
        do {
            let names = try Files.names(in: entries)
            let entries = names.filter { $0.hasPrefix("ostree-") && $0.hasSuffix(".conf") }.compactMap { name in
                readEntry(self.entries.appending(name), name)
            }
            return entries.sorted { $0.precedes($1) }
        } catch {
            // A sysroot without any deployment has none; the reader of the folders knows.
            if error.code != .noSuchFileOrDirectory || Files.exists(paths.loader) {
                problems.append(
                    SysrootProblem(.missingBootEntries, path: entries.string, error.reason))
            }
            return []
        }
    }

    private mutating func readEntry(_ path: FilePath, _ name: String) -> BootEntry? {
        do {
            let bytes = try Files.read(path, limit: 1 << 20)
            if let text = String(validating: bytes, as: UTF8.self) { return BootEntry(file: name, text: text) }
            problems.append(damaged(path, "it is not UTF-8 text"))
        } catch {
            problems.append(SysrootProblem(.damagedBootEntry, path: path.string, error.reason))
        }
        return nil
    }

    private mutating func add(_ entry: BootEntry, _ paths: SysrootPaths) {
        let path = entries.appending(entry.file)
        guard entry.options != nil else { return problems.append(damaged(path, "it has no options")) }
        guard let text = entry.bootLink else { return problems.append(damaged(path, "it has no ostree= argument")) }
        guard let link = BootLink(text) else { return problems.append(damaged(path, "'\(text)' is no boot link")) }
        guard let name = Self.deployment(behind: link, paths) else {
            let sentence = "the boot entry \(entry.file) leads nowhere: the link \(text) is missing or damaged"
            return problems.append(SysrootProblem(.danglingBootLink, path: path.string, sentence))
        }
        if let first = listed.first(where: { $0.name == name }) {
            let sentence = "the boot entry \(entry.file) is for the same deployment as \(first.entry.file)"
            return problems.append(SysrootProblem(.duplicateBootEntry, path: path.string, sentence))
        }
        listed.append(Listed(name: name, entry: entry, bootChecksum: link.bootChecksum))
    }

    /// The deployment that a boot link leads to, whether its folder exists or not.
    static func deployment(behind link: BootLink, _ paths: SysrootPaths) -> DeploymentName? {
        Files.linkTarget(paths.root.appending(link.relativePath)).flatMap { target in
            FilePath(target).lastComponent.flatMap {
                DeploymentName(stateroot: link.stateroot, folderName: $0.string)
            }
        }
    }

    private func damaged(_ path: FilePath, _ what: String) -> SysrootProblem {
        let name = path.lastComponent?.string ?? path.string
        return SysrootProblem(.damagedBootEntry, path: path.string, "the boot entry \(name) cannot be used: \(what)")
    }
}
