import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import SystemPackage

/// The files in a staging folder, and whether they can be trusted after an interruption.
struct StagedObjects {
    let folder: FilePath
    let mode: StoreMode

    /// Where files are whose checksum is not known yet.
    static let unnamed = "new"
    /// Access and modification at 1970: what marks a file as whole.
    static let completionTimes = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: 0, tv_nsec: 0)]

    /// Commits stay apart, so that the other folders can enter the store as they are.
    static let commits = "commits"

    static func folderName(_ name: ObjectName) -> String {
        name.kind == .commit ? commits : String(name.checksum.hex.prefix(2))
    }

    static func relativePath(_ name: ObjectName, mode: StoreMode) -> String {
        name.kind == .commit ? "\(commits)/\(name)" : mode == .archive ? name.archivePath : name.barePath
    }

    /// Makes the folders that every transaction has; the others come with their first object.
    func prepare() throws(SystemError) {
        try Files.makeFolder(folder, mode: 0o700)
        try Files.makeFolder(folder.appending(Self.unnamed))
        try Files.makeFolder(folder.appending(Self.commits))
    }

    /// The object that a file stands for, if it stands where such an object would.
    private func name(_ parent: String, _ prefix: String, _ fileName: String) -> ObjectName? {
        let parts = fileName.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let checksum = Checksum(hex: prefix + parts[0]) else { return nil }
        guard let kind = ObjectKind(rawValue: parts[1] == "filez" ? "file" : String(parts[1])) else { return nil }
        let name = ObjectName(checksum, kind)
        return Self.relativePath(name, mode: mode) == "\(parent)/\(fileName)" ? name : nil
    }

    /// What an earlier transaction left here; makes the folder when there is none.
    ///
    /// A killed process leaves files that are whole or, by their time, recognisably torn. A power cut may
    /// leave less: names can reach the disk before the content does. So what was written before the present
    /// boot is hashed again, and dropped where it differs.
    func recover() throws -> Set<ObjectName> {
        try Files.removeTree(folder.appending(Self.unnamed))
        try prepare()
        let fromThisBoot = try isFromThisBoot()
        var found = Set<ObjectName>()
        for parent in try Files.names(in: folder) where Files.isFolder(folder.appending(parent)) {
            try recover(parent, parent == Self.commits ? "" : parent, fromThisBoot, into: &found)
        }
        try Files.replace(folder.appending(Self.bootFile), with: Array(Self.currentBoot.utf8))
        return found
    }

    private func recover(
        _ parent: String, _ prefix: String, _ fromThisBoot: Bool, into found: inout Set<ObjectName>
    ) throws {
        for file in try Files.names(in: folder.appending(parent)) {
            let path = folder.appending(parent).appending(file)
            if let name = name(parent, prefix, file), isComplete(path), fromThisBoot || isIntact(name, path) {
                found.insert(name)
            } else {
                try Files.removeTree(path)
            }
        }
    }

    /// A link is made in one step and cannot be torn.
    private func isComplete(_ path: FilePath) -> Bool {
        var status = stat()
        guard lstat(path.string, &status) == 0 else { return false }
        let type = status.st_mode & S_IFMT
        return type == Glibc.S_IFLNK || type == Glibc.S_IFREG && status.st_mtim.tv_sec == 0
    }

    private static let bootFile = "boot-id"
    private static let currentBoot: String = {
        let bytes = (try? Files.readIfPresent("/proc/sys/kernel/random/boot_id", limit: 128)) ?? nil
        return bytes.map { String(decoding: $0, as: UTF8.self) } ?? "unknown"
    }()

    private func isFromThisBoot() throws -> Bool {
        let written = try Files.readIfPresent(folder.appending(Self.bootFile), limit: 128)
        return Self.currentBoot != "unknown" && written == Array(Self.currentBoot.utf8)
    }

    /// What cannot be read is not intact either: it is dropped, and made or fetched again.
    private func isIntact(_ name: ObjectName, _ path: FilePath) -> Bool {
        do {
            guard name.kind == .file else {
                return SHA256.hash(try Files.read(path, limit: Store.metadataLimit)) == name.checksum
            }
            // Compressed objects are made here, not fetched: making them again is cheaper than checking them.
            return mode == .bare ? try ObjectVerifier().checksum(ofFileAt: path) == name.checksum : false
        } catch {
            return false
        }
    }
}
