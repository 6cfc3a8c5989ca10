import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import SystemPackage

/// The files in a staging folder, and whether they can be trusted after an interruption.
struct StagedObjects {
    let folder: FilePath
    let mode: StoreMode

    static func fileName(_ name: ObjectName, mode: StoreMode) -> String {
        "\(name.checksum.hex).\(mode == .archive && name.kind == .file ? "filez" : name.kind.rawValue)"
    }

    private static func name(_ fileName: String) -> ObjectName? {
        let parts = fileName.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let checksum = Checksum(hex: parts[0]) else { return nil }
        return ObjectKind(rawValue: parts[1] == "filez" ? "file" : String(parts[1])).map { ObjectName(checksum, $0) }
    }

    /// What an earlier transaction left here.
    ///
    /// A killed process leaves every renamed file whole. A power cut may not: renames can reach the disk
    /// before the content does. So what was written before the present boot is hashed again, and dropped
    /// where it differs.
    func recover() throws -> Set<ObjectName> {
        let fromThisBoot = try isFromThisBoot()
        var found = Set<ObjectName>()
        for file in try Files.names(in: folder) where file != Self.bootFile {
            let path = folder.appending(file)
            if let name = Self.name(file), try fromThisBoot || isIntact(name, path) {
                found.insert(name)
            } else {
                try Files.removeTree(path)
            }
        }
        try Files.replace(folder.appending(Self.bootFile), with: Array(Self.currentBoot.utf8))
        return found
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

    private func isIntact(_ name: ObjectName, _ path: FilePath) throws -> Bool {
        guard name.kind == .file else {
            return SHA256.hash(try Files.read(path, limit: Store.metadataLimit)) == name.checksum
        }
        // Compressed objects are made here, not fetched: making them again is cheaper than checking them.
        return mode == .bare ? try ObjectVerifier().checksum(ofFileAt: path) == name.checksum : false
    }
}
