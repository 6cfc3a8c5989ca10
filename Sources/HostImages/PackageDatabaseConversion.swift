import LinuxSystem
import ObjectFormats
import ObjectStorage

/// dpkg's database belongs to /usr: it describes what is there, and rolls back with it.
extension TreeConversion {
    /// Where the database is in an image; `/var/lib/dpkg` becomes a link to it.
    static let packageDatabase = "usr/lib/sysimage/dpkg"

    /// - Returns: the installed packages.
    /// - Throws: `ImageError.notAHost` when there is no database although one is needed, `SystemError`.
    func movePackageDatabase(isNeeded: Bool) throws -> [InstalledPackage] {
        guard let database = tree.folder(at: "var/lib/dpkg"), case .file(let status)? = database.entries["status"]
        else {
            if !isNeeded { return try Self.packages(inPlace: tree) }
            throw ImageError.notAHost(detail: "it has no package database in /var/lib/dpkg")
        }
        let text = String(decoding: try status.read(limit: 64 << 20), as: UTF8.self)
        // Locks, and copies from before the last change.
        for name in [
            "lock", "lock-frontend", "status-old", "diversions-old", "statoverride-old", "available-old",
            "triggers/Lock",
        ] {
            database[name] = nil
        }
        tree[Self.packageDatabase] = .folder(database)
        tree["var/lib/dpkg"] = .link(TreeLink(target: "../../\(Self.packageDatabase)"))
        return PackageList.parse(status: text)
    }

    /// The packages of a tree whose database is where an image has it; none when it has no database that can be read.
    ///
    /// - Throws: `SystemError`.
    static func packages(inPlace tree: TreeFolder) throws(SystemError) -> [InstalledPackage] {
        guard case .file(let status)? = tree["\(packageDatabase)/status"] else { return [] }
        return PackageList.parse(status: String(decoding: try status.read(limit: 64 << 20), as: UTF8.self))
    }
}
