import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
public import Sysroots
import SystemPackage

/// Looks at every deployment file by file, and follows every boot entry to its kernel and its deployment.
///
/// It shares no code with what makes deployments, and reads the boot entries by itself.
public struct SysrootExamination {
    private let paths: SysrootPaths
    private let store: Store
    private let objects: String
    private let verifier = ObjectVerifier()
    /// Whether what is the object itself need not be hashed.
    private var trustsObjects = false
    private var remains: Set<String> = []
    /// What is not as it must be.
    public private(set) var faults: [String] = []
    /// Files that were compared.
    public private(set) var fileCount = 0

    /// What an installation adds to /etc.
    private static let ownSettings: Set<String> = ["hostctl"]

    private init(_ paths: SysrootPaths) throws {
        self.paths = paths
        store = try Store(opening: paths.repository)
        objects = "\(paths.repository)/objects"
    }

    /// What is wrong with the listed deployments and with the boot entries of a sysroot.
    public static func faults(of paths: SysrootPaths) throws -> [String] {
        var examination = try SysrootExamination(paths)
        let listed = SysrootReader(root: paths.root).report().listed
        for record in listed { try examination.compare(record.name) }
        try examination.follow(listed.map(\.name))
        if !listed.isEmpty, examination.fileCount < 10 { examination.faults.append("hardly any file was compared") }
        return examination.faults
    }

    /// What is wrong with the deployments of a host that has been used, so that its /etc is its own.
    ///
    /// - Parameter trustsObjects: whether the objects themselves are looked at by somebody else: what is one of them, by its
    ///   inode, is not hashed once more.
    /// - Parameter remains: names in a deployment's folder that are of no harm.
    public static func faultsInUse(
        of paths: SysrootPaths, trustsObjects: Bool = false, remains: Set<String> = []
    ) throws -> [String] {
        var examination = try SysrootExamination(paths)
        examination.trustsObjects = trustsObjects
        examination.remains = remains
        for record in SysrootReader(root: paths.root).report().listed {
            try examination.compare(record.name, comparesSettings: false)
        }
        if examination.fileCount < 10 { examination.faults.append("hardly any file was compared") }
        return examination.faults
    }

    // MARK: deployments

    private mutating func compare(_ name: DeploymentName, comparesSettings: Bool = true) throws {
        let commit = try store.commit(name.checksum)
        let folder = paths.folder(of: name)
        try compare(folder.string, store.tree(commit.rootTree), besides: remains.union(["etc", "var"]))
        guard let usr = try store.tree(commit.rootTree).folders.first(where: { $0.name == "usr" }),
            let settings = try store.tree(usr.tree).folders.first(where: { $0.name == "etc" })
        else { return faults.append("\(name) has no /usr/etc") }
        let own = folder.appending("etc")
        if comparesSettings { try compare(own.string, store.tree(settings.tree), besides: Self.ownSettings) }
        if !Files.exists(paths.origin(of: name)) { faults.append("\(name) has no origin file") }
    }

    // Paths are strings here: without the compiler's optimization a `FilePath` costs more than all that is done with it.
    private mutating func compare(_ folder: String, _ tree: DirectoryTree, besides others: Set<String> = []) throws {
        let place = FilePath(folder)
        guard Files.isFolder(place) else { return faults.append("\(folder) is no folder") }
        let expected = Set(tree.files.map(\.name) + tree.folders.map(\.name))
        for name in try Files.names(in: place) where !expected.contains(name) && !others.contains(name) {
            faults.append("\(folder)/\(name) is not in the commit")
        }
        for file in tree.files {
            let path = "\(folder)/\(file.name)"
            fileCount += 1
            if trustsObjects, isObject(path, file.checksum) { continue }
            do {
                if try verifier.checksum(ofFileAt: FilePath(path)) != file.checksum {
                    faults.append("\(path) is another file")
                }
            } catch {
                faults.append("\(error)")
            }
        }
        for child in tree.folders {
            let path = "\(folder)/\(child.name)"
            try compareAttributes(path, child.metadata)
            try compare(path, DirectoryTree(decoding: metadata(child.tree, "dirtree")))
        }
    }

    private func isObject(_ path: String, _ checksum: Checksum) -> Bool {
        var (own, other) = (stat(), stat())
        return lstat(path, &own) == 0 && lstat(object(checksum, "file"), &other) == 0
            && own.st_dev == other.st_dev && own.st_ino == other.st_ino
    }

    private func object(_ checksum: Checksum, _ type: String) -> String {
        let hex = checksum.hex
        return "\(objects)/\(hex.prefix(2))/\(hex.dropFirst(2)).\(type)"
    }

    private func metadata(_ checksum: Checksum, _ type: String) throws -> [UInt8] {
        try Descriptor(opening: object(checksum, type)).readToEnd(limit: 16 << 20)
    }

    private mutating func compareAttributes(_ path: String, _ metadata: Checksum) throws {
        let expected = try DirectoryMetadata(decoding: self.metadata(metadata, "dirmeta")).attributes
        var status = stat()
        guard lstat(path, &status) == 0 else { return faults.append("\(path) is missing") }
        if status.st_uid != expected.uid || status.st_gid != expected.gid
            || status.st_mode & 0o7777 != expected.permissions
        {
            faults.append("\(path) has another owner or mode")
        }
    }

    // MARK: boot entries

    private mutating func follow(_ listed: [DeploymentName]) throws {
        var reached: [String] = []
        for file in try Files.namesIfPresent(in: paths.bootEntries) {
            let bytes = try Files.read(paths.bootEntries.appending(file), limit: 65536)
            reached.append(try follow(file, String(decoding: bytes, as: UTF8.self)))
        }
        let expected = listed.map { realPath(paths.folder(of: $0)) }
        if Set(reached) != Set(expected) || reached.count != expected.count {
            faults.append("the boot entries lead to \(reached), and listed are \(expected)")
        }
    }

    /// - Returns: the deployment's folder.
    private mutating func follow(_ entry: String, _ text: String) throws -> String {
        var values: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            guard let space = line.firstIndex(of: " ") else { continue }
            values[line[..<space]] = line[line.index(after: space)...].drop { $0 == " " }
        }
        let link = values["options"]?.split(separator: " ").first { $0.hasPrefix("ostree=") }?.dropFirst(7) ?? ""
        let folder = realPath(FilePath("\(paths.root)\(link)"))
        if link.isEmpty || !Files.isFolder(FilePath(folder)) { faults.append("\(entry) leads to no deployment") }
        for key in ["linux", "initrd"] {
            let path = FilePath("\(paths.boot)\(values[Substring(key)] ?? "")")
            let source = try source(of: key, in: FilePath(folder))
            guard let bytes = try Files.readIfPresent(path, limit: 64 << 20) else {
                faults.append("\(entry) has no \(key) at \(path)")
                continue
            }
            if bytes != source { faults.append("\(path) is not the deployment's") }
        }
        return folder
    }

    private func source(of key: String, in folder: FilePath) throws -> [UInt8] {
        let modules = folder.appending("usr/lib/modules")
        guard let version = try Files.namesIfPresent(in: modules).first else { return [] }
        let name = key == "linux" ? "vmlinuz" : "initramfs.img"
        return try Files.readIfPresent(modules.appending(version).appending(name), limit: 64 << 20) ?? []
    }

    private func realPath(_ path: FilePath) -> String {
        guard let resolved = realpath(path.string, nil) else { return "nowhere, from \(path)" }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
