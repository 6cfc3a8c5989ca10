import Glibc
import LinuxSystem

/// A file, folder or link and where it is.
struct Located {
    let folder: OpenFolder
    let name: EtcName
    let entry: EtcEntry

    init?(_ name: EtcName, in folder: OpenFolder?) throws(SystemError) {
        guard let folder, let entry = try folder.entry(name) else { return nil }
        self.folder = folder
        self.name = name
        self.entry = entry
    }

    var path: String { folder.path(of: name) }
    func asFolder() throws(SystemError) -> OpenFolder { try folder.folder(name) }
    func asFile() throws(SystemError) -> Descriptor { try folder.file(name) }

    /// Those of a file or folder; none of the others.
    func attributes() throws(SystemError) -> Attributes {
        switch entry.kind {
        case .file: try Attributes(of: asFile())
        case .folder: try Attributes(of: asFolder().descriptor)
        case .link, .special: [:]
        }
    }
}

/// Comparing what two trees have under one name.
enum Comparison {
    private static let chunk = 1 << 16

    /// What of the two themselves differs; what folders hold is not looked at.
    static func aspects(_ first: Located, _ second: Located) throws(SystemError) -> [EtcAspect] {
        let (one, other) = (first.entry, second.entry)
        if one.inode == other.inode { return [] }
        guard one.kind == other.kind else { return [.type] }
        var aspects: [EtcAspect] = []
        if one.kind == .file, try !hasSameContent(first, second) { aspects.append(.content) }
        if one.kind == .link, one.target != other.target { aspects.append(.target) }
        if !one.hasOwner(of: other) { aspects.append(.owner) }
        if one.kind == .link || one.kind == .special { return aspects }
        if one.permissions != other.permissions { aspects.append(.mode) }
        if try first.attributes().compared != second.attributes().compared { aspects.append(.attributes) }
        return aspects
    }

    static func hasSameContent(_ first: Located, _ second: Located) throws(SystemError) -> Bool {
        if first.entry.inode == second.entry.inode { return true }
        if first.entry.status.st_size != second.entry.status.st_size { return false }
        let one = try first.asFile()
        let other = try second.asFile()
        while true {
            let bytes = try one.read(exactly: chunk)
            if try bytes != other.read(exactly: chunk) { return false }
            if bytes.count < chunk { return true }
        }
    }

    /// Whether two are the same, with all that folders hold. Both missing is the same.
    static func isSame(_ first: Located?, _ second: Located?, depth: Int = 0) throws -> Bool {
        guard let first, let second else { return first == nil && second == nil }
        guard try aspects(first, second).isEmpty else { return false }
        guard first.entry.kind == .folder else { return true }
        guard depth < EtcMerger.deepest else { throw EtcMergeError.tooDeep(path: first.path) }
        let one = try first.asFolder()
        let other = try second.asFolder()
        let names = try one.names()
        guard try names == other.names() else { return false }
        return try names.allSatisfy {
            try isSame(Located($0, in: one), Located($0, in: other), depth: depth + 1)
        }
    }

    /// Whether a live folder holds anything that an operator has added or changed, beside what was removed.
    static func holdsLocal(_ old: OpenFolder, _ live: OpenFolder, depth: Int = 0) throws -> Bool {
        guard depth < EtcMerger.deepest else { throw EtcMergeError.tooDeep(path: live.path) }
        return try live.names().contains { name in
            guard let local = try Located(name, in: live), local.entry.kind != .special else { return false }
            guard let pristine = try Located(name, in: old) else { return true }
            if try !aspects(pristine, local).isEmpty { return true }
            return try local.entry.kind == .folder
                && holdsLocal(pristine.asFolder(), local.asFolder(), depth: depth + 1)
        }
    }
}
