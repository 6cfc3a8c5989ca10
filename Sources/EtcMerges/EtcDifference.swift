import Glibc
import LinuxSystem
public import SystemPackage

/// What differs between two trees of /etc, as `ostree admin config-diff` tells it, and changes of owner, mode and
/// attributes besides.
///
/// Of an added folder everything in it is listed; of a removed one only the folder.
public struct EtcDifference: Sendable {
    /// Sorted by path.
    public let changes: [EtcChange]
    /// What this process may not read, and files that are neither files, folders nor links. Of what cannot be read the
    /// metadata is compared.
    public let notes: [EtcNote]

    /// - Parameters:
    ///   - old: the pristine tree.
    ///   - live: the one that may have been changed.
    /// - Throws: `SystemError` when one of the two is no folder that can be read; `EtcMergeError.tooDeep`.
    public init(from old: FilePath, to live: FilePath) throws {
        let walk = DifferenceWalk()
        let (first, second) = (try OpenFolder(old), try OpenFolder(live))
        let root = try walk.rootAspects(first, second)
        if !root.isEmpty { walk.changes.append(EtcChange(path: .root, kind: .modified, aspects: root)) }
        try walk.compare(first, second, .root, depth: 0)
        changes = walk.changes
        notes = walk.notes
    }
}

private final class DifferenceWalk {
    var changes: [EtcChange] = []
    var notes: [EtcNote] = []

    func rootAspects(_ old: OpenFolder, _ live: OpenFolder) throws -> [EtcAspect] {
        let (first, second) = (try old.ownEntry(), try live.ownEntry())
        var aspects: [EtcAspect] = []
        if !first.hasOwner(of: second) { aspects.append(.owner) }
        if first.permissions != second.permissions { aspects.append(.mode) }
        if try Attributes(of: old.descriptor).compared != Attributes(of: live.descriptor).compared {
            aspects.append(.attributes)
        }
        return aspects
    }

    func compare(_ old: OpenFolder?, _ live: OpenFolder, _ path: EtcPath, depth: Int) throws {
        guard depth < EtcMerger.deepest else { throw EtcMergeError.tooDeep(path: live.path) }
        let names = Set(try live.names()).union(try old?.names() ?? []).sorted()
        for name in names {
            let (first, second) = (try Located(name, in: old), try Located(name, in: live))
            try compare(first, second, path.appending(name), depth: depth)
        }
    }

    private func compare(_ old: Located?, _ live: Located?, _ path: EtcPath, depth: Int) throws {
        if live?.entry.kind == .special {
            notes.append(EtcNote(path: path, text: EtcMerger.specialText))
            return
        }
        guard let live else { return changes.append(EtcChange(path: path, kind: .removed)) }
        guard let old, old.entry.kind != .special else {
            changes.append(EtcChange(path: path, kind: .added))
            if live.entry.kind == .folder { try enter(nil, live, path, depth: depth) }
            return
        }
        let aspects = try readable(path) { () throws(SystemError) in try Comparison.aspects(old, live) }
        let differing = aspects ?? metadataAspects(old.entry, live.entry)
        if !differing.isEmpty { changes.append(EtcChange(path: path, kind: .modified, aspects: differing)) }
        if live.entry.kind == .folder, old.entry.kind == .folder { try enter(old, live, path, depth: depth) }
    }

    private func enter(_ old: Located?, _ live: Located, _ path: EtcPath, depth: Int) throws {
        let folders = try readable(path) { () throws(SystemError) in
            (try old?.asFolder(), try live.asFolder())
        }
        if let (first, second) = folders { try compare(first, second, path, depth: depth + 1) }
    }

    /// - Returns: `nil`, and a note, when this process may not read what `body` reads.
    private func readable<Value>(
        _ path: EtcPath, _ body: () throws(SystemError) -> Value
    ) throws(SystemError) -> Value? {
        do throws(SystemError) { return try body() } catch {
            guard error.code == .permissionDenied || error.code == .notPermitted else { throw error }
            if notes.last?.path != path { notes.append(EtcNote(path: path, text: "may not be read by this user")) }
            return nil
        }
    }

    private func metadataAspects(_ old: EtcEntry, _ live: EtcEntry) -> [EtcAspect] {
        guard old.kind == live.kind else { return [.type] }
        var aspects: [EtcAspect] = []
        if old.kind == .file, old.status.st_size != live.status.st_size { aspects.append(.content) }
        if !old.hasOwner(of: live) { aspects.append(.owner) }
        if old.permissions != live.permissions { aspects.append(.mode) }
        return aspects
    }
}
