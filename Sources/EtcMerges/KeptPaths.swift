import Glibc
import LinuxSystem
public import SystemPackage

/// Paths of a tree that outlive a reset.
final class KeptPaths {
    private var inside: [EtcName: KeptPaths] = [:]
    private var isKept = false

    init(_ paths: [EtcPath]) {
        for path in paths {
            var place = self
            for part in path.bytes.split(separator: UInt8(ascii: "/")) {
                let name = EtcName(bytes: Array(part))
                let next = place.inside[name] ?? KeptPaths([])
                place.inside[name] = next
                place = next
            }
            place.isKept = true
        }
    }

    /// Fills an empty folder: what is kept from the live tree, as far as it is there, and all else from the fresh one.
    ///
    /// - Returns: what was to be kept and is not there.
    func fill(
        _ output: OpenFolder, from live: OpenFolder?, over fresh: OpenFolder?, by copier: TreeCopier,
        path: EtcPath = .root, depth: Int = 0
    ) throws -> [EtcPath] {
        var missing: [EtcPath] = []
        let names = Set(inside.keys).union(try fresh?.names() ?? []).sorted()
        for name in names {
            let (mine, theirs) = (try Located(name, in: live), try Located(name, in: fresh))
            let place = Place(name: name, path: path.appending(name), output: output, depth: depth)
            guard let kept = inside[name] else {
                try copier.copy(theirs, .image, place)
                continue
            }
            if kept.isKept {
                if mine == nil { missing.append(place.path) }
                try mine != nil ? copier.copy(mine, .local, place) : copier.copy(theirs, .image, place)
            } else {
                missing += try kept.descend(mine, theirs, place, by: copier)
            }
        }
        return missing
    }

    private func descend(
        _ mine: Located?, _ theirs: Located?, _ place: Place, by copier: TreeCopier
    ) throws -> [EtcPath] {
        guard let mine, mine.entry.kind == .folder else {
            try copier.copy(theirs, .image, place)
            return all(below: place.path)
        }
        guard let output = try copier.writer?.makeFolder(place) else { return [] }
        let base = theirs?.entry.kind == .folder ? theirs : nil
        let missing = try fill(
            output, from: mine.asFolder(), over: base?.asFolder(), by: copier, path: place.path,
            depth: place.depth + 1)
        try Metadata(base ?? mine).write(to: output.descriptor)
        return missing
    }

    private func all(below path: EtcPath) -> [EtcPath] {
        (isKept ? [path] : []) + inside.sorted { $0.key < $1.key }.flatMap { $1.all(below: path.appending($0)) }
    }
}

extension EtcMerge {
    /// Gives a deployment that is not running a pristine `etc`, with some of another one's: written and replaced as
    /// `apply` does.
    ///
    /// - Parameters:
    ///   - live: `etc` of the deployment that runs.
    ///   - deployment: the new deployment's folder, with its `usr/etc`.
    ///   - keeping: what is taken from the live one, whatever the image has of it.
    /// - Returns: what was to be kept and is not there.
    /// - Throws: `SystemError`, `EtcMergeError.tooDeep`.
    public static func reset(
        live: FilePath, into deployment: FilePath, keeping paths: [EtcPath]
    ) throws -> [EtcPath] {
        let fresh = try OpenFolder(deployment.appending("usr/etc"))
        let old = try OpenFolder(live)
        var missing: [EtcPath] = []
        try EtcReplacement.run(in: deployment) { output in
            missing = try KeptPaths(paths).fill(
                output, from: old, over: fresh, by: TreeCopier(EtcWriter(root: output)))
            try Metadata(fresh.ownEntry(), Attributes(of: fresh.descriptor)).write(to: output.descriptor)
        }
        return missing
    }

    /// Copies parts of a tree into a new folder, with the folders on the way to them; the copy is not flushed.
    ///
    /// - Parameter folder: must not exist; it gets owner, mode and attributes of `source`.
    /// - Returns: what is not there.
    /// - Throws: `SystemError`, `EtcMergeError.tooDeep`.
    public static func copyParts(_ paths: [EtcPath], of source: FilePath, to folder: FilePath) throws -> [EtcPath] {
        let old = try OpenFolder(source)
        try retrying("make the folder", folder.string) { mkdir(folder.string, 0o700) }
        let output = try OpenFolder(folder)
        let missing = try KeptPaths(paths).fill(
            output, from: old, over: nil, by: TreeCopier(EtcWriter(root: output)))
        try Metadata(old.ownEntry(), Attributes(of: old.descriptor)).write(to: output.descriptor)
        return missing
    }
}
