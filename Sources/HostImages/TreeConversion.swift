import LinuxSystem
public import ObjectFormats
public import ObjectStorage

/// The fourth stage: a Debian tree in the form that ostree boots, transformed in memory alone.
///
/// What a deployment may change moves to /var or /etc; the rest is read-only and the same on every host.
/// Owners, modes, set-id bits and extended attributes stay as they are. docs/disk-format.md has the table.
public struct TreeConversion {
    let tree: TreeFolder

    /// What the conversion found out about the image.
    public struct Result: Sendable {
        /// The version of the one kernel, as in /usr/lib/modules.
        public let kernel: String
        /// From dpkg's database.
        public let packages: [InstalledPackage]
    }

    /// Changes `tree` itself.
    ///
    /// - Parameter needsPackages: whether a tree without dpkg's database is refused.
    /// - Throws: `ImageError.notAHost` with what is missing or too much, `SystemError` for a file that cannot be read.
    public static func convert(_ tree: TreeFolder, needsPackages: Bool = true) throws -> Result {
        let conversion = TreeConversion(tree: tree)
        try conversion.checkMergedUsr()
        let kernel = try conversion.moveKernel()
        let packages = try conversion.movePackageDatabase(isNeeded: needsPackages)
        try conversion.removeIdentity()
        conversion.emptyRuntimeFolders()
        try conversion.moveState()
        try conversion.moveEtc()
        return Result(kernel: kernel, packages: packages)
    }

    /// Debian keeps /bin, /sbin and /lib as links into /usr; a tree where they are folders has files that an
    /// update could not replace together with /usr.
    func checkMergedUsr() throws(ImageError) {
        for name in ["bin", "sbin", "lib"] {
            guard case .link(let link)? = tree.entries[name], ["usr/\(name)", "/usr/\(name)"].contains(link.target)
            else { throw .notAHost(detail: "/\(name) is not a link to usr/\(name)") }
        }
        for (name, entry) in tree.entries where name.hasPrefix("lib") {
            if case .folder = entry { throw .notAHost(detail: "/\(name) is a folder instead of a link into /usr") }
        }
    }

    /// Folders that are filled while a host runs, and what only makes sense on the build machine.
    func emptyRuntimeFolders() {
        for name in ["dev", "proc", "run", "sys", "boot", "sysroot"] {
            tree.entries[name] = .folder(TreeFolder())
        }
        tree.entries["tmp"] = .folder(TreeFolder(attributes: FileAttributes(permissions: 0o1777)))
        tree.entries["ostree"] = .link(TreeLink(target: "sysroot/ostree"))
        for name in ["lost+found", "vmlinuz", "vmlinuz.old", "initrd.img", "initrd.img.old"] {
            tree.entries[name] = nil
        }
    }

    /// /etc as shipped; every deployment gets a copy merged with the host's own changes.
    func moveEtc() throws(ImageError) {
        guard tree["usr/etc"] == nil else { throw .notAHost(detail: "it has a /usr/etc, which is /etc's place") }
        guard case .folder(let etc)? = tree.entries.removeValue(forKey: "etc") else {
            throw .notAHost(detail: "it has no /etc")
        }
        tree["usr/etc"] = .folder(etc)
    }

    /// Everything by which hosts would be taken for one another, or for the build machine.
    func removeIdentity() throws(ImageError) {
        guard let etc = tree.folder(at: "etc") else { throw .notAHost(detail: "it has no /etc") }
        // Empty: the first boot fills it, without taking the host for a factory-fresh one that needs presets.
        etc.entries["machine-id"] = .file(TreeFile(attributes: FileAttributes(permissions: 0o444), content: .bytes([])))
        // Backups that the tools make beside the files they change.
        for name in [".pwd.lock", "passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-"] {
            etc.entries[name] = nil
        }
        guard let ssh = etc.folder(at: "ssh") else { return }
        for name in ssh.sortedNames where name.hasPrefix("ssh_host_") { ssh.entries[name] = nil }
    }
}

extension TreeFile {
    /// The whole content.
    ///
    /// - Throws: `SystemError`; `EFBIG` when it has more than `limit` bytes.
    func read(limit: Int) throws(SystemError) -> [UInt8] {
        switch content {
        case .bytes(let bytes): bytes
        case .onDisk(let path, _): try Files.read(path, limit: limit)
        case .stored(let stored): try Files.read(stored.path, limit: limit)
        }
    }
}
