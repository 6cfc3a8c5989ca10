import Glibc
import LinuxSystem
import SystemPackage

/// One merge: the three trees are walked together, and what each name comes to is written, or only told.
final class EtcMerger {
    /// Folders in folders: four are open on each level.
    static let deepest = 128
    static let specialText = "a socket, fifo or device is not carried over"

    let policy: EtcPolicy
    var plan = EtcPlan()
    private let roots: Trio<OpenFolder>
    private let accounts: AccountMerge
    private var copier = TreeCopier(nil)
    private var writer: EtcWriter? { copier.writer }

    init(old: FilePath, live: FilePath, new: FilePath, policy: EtcPolicy) throws {
        self.policy = policy
        let roots = Trio(old: try OpenFolder(old), live: try OpenFolder(live), new: try OpenFolder(new))
        self.roots = roots
        accounts = try AccountMerge(
            old: AccountFiles(reading: roots.old), live: AccountFiles(reading: roots.live),
            new: AccountFiles(reading: roots.new))
    }

    /// - Parameter output: an empty folder for the merged tree; `nil` to write nothing.
    func run(into output: OpenFolder?) throws {
        plan = EtcPlan()
        copier = TreeCopier(output.map { EtcWriter(root: $0) })
        plan.conflicts += accounts.conflicts
        plan.notes += accounts.notes
        try mergeNames(roots, into: output, .root, depth: 0)
        let own = try roots.map { (folder) throws(SystemError) in
            Metadata(try folder.ownEntry(), try Attributes(of: folder.descriptor))
        }
        let (metadata, isConflict) = merged(own)
        if isConflict { addConflict(.root, .modified, .modified) }
        if let output { try metadata.write(to: output.descriptor) }
        plan.notes += copier.notes
        plan.conflicts.sort { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
        plan.notes.sort { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
    }

    private func mergeNames(_ folders: Trio<OpenFolder>, into output: OpenFolder?, _ path: EtcPath, depth: Int) throws {
        guard depth < Self.deepest else { throw EtcMergeError.tooDeep(path: "/etc/\(path)") }
        var names = Set<EtcName>()
        for folder in [folders.old, folders.live, folders.new] { names.formUnion(try folder?.names() ?? []) }
        for name in names.sorted() {
            let here = Trio(
                old: try Located(name, in: folders.old), live: try Located(name, in: folders.live),
                new: try Located(name, in: folders.new))
            let place = Place(name: name, path: path.appending(name), output: output, depth: depth)
            if depth == 0, try mergeAccounts(here, place) { continue }
            try merge(here, place)
        }
    }

    private func merge(_ all: Trio<Located>, _ place: Place) throws {
        if all.live?.entry.kind == .special { addNote(place.path, Self.specialText) }
        let entries = all.filter { $0.entry.kind != .special }
        // A special file stands for nothing: what the image has comes in its place.
        if all.live?.entry.kind == .special { return try copy(entries.new, .image, place) }
        if let live = entries.live, let new = entries.new {
            if live.entry.kind == .folder, new.entry.kind == .folder { return try mergeFolders(entries, place) }
            if live.entry.kind == .file, new.entry.kind == .file { return try mergeFiles(entries, live, new, place) }
        }
        if let live = entries.live, let old = entries.old, entries.new == nil, live.entry.kind == .folder,
            old.entry.kind == .folder
        {
            let isNeeded = try Comparison.holdsLocal(old.asFolder(), live.asFolder())
            if try isNeeded || !Comparison.aspects(old, live).isEmpty { try mergeFolders(entries, place) }
            return
        }
        try mergeWhole(entries, place)
    }

    /// One side's as a whole: something was added or removed, or is of another type.
    private func mergeWhole(_ all: Trio<Located>, _ place: Place) throws {
        if try Comparison.isSame(all.live, all.new) { return try copy(all.live, .local, place) }
        if try Comparison.isSame(all.old, all.live) { return try copy(all.new, .image, place) }
        if try Comparison.isSame(all.old, all.new) { return try copy(all.live, .local, place) }
        addConflict(place.path, Self.kind(all.old, all.live), Self.kind(all.old, all.new))
        try policy == .new ? copy(all.new, .image, place) : copy(all.live, .local, place)
    }

    private static func kind(_ old: Located?, _ changed: Located?) -> EtcChange.Kind {
        changed == nil ? .removed : old == nil ? .added : .modified
    }

    private func mergeFolders(_ all: Trio<Located>, _ place: Place) throws {
        let pristine = all.old?.entry.kind == .folder ? all.old : nil
        let all = Trio(old: pristine, live: all.live, new: all.new)
        let (metadata, isConflict) = merged(try all.map { (one) throws(SystemError) in try Metadata(one) })
        if isConflict { addConflict(place.path, Self.kind(all.old, all.live), Self.kind(all.old, all.new)) }
        let output = try writer?.makeFolder(place)
        try mergeNames(
            all.map { (one) throws(SystemError) in try one.asFolder() }, into: output, place.path,
            depth: place.depth + 1)
        if let output { try metadata.write(to: output.descriptor) }
    }

    private func mergeFiles(_ all: Trio<Located>, _ live: Located, _ new: Located, _ place: Place) throws {
        let old = all.old?.entry.kind == .file ? all.old : nil
        let (metadata, isTorn) = merged(
            try Trio(old: old, live: live, new: new).map { (one) throws(SystemError) in try Metadata(one) })
        var source = live
        var isConflict = isTorn
        if try !Comparison.hasSameContent(live, new) {
            if let old, try Comparison.hasSameContent(old, live) {
                source = new
            } else if let old, try Comparison.hasSameContent(old, new) {
                source = live
            } else {
                isConflict = true
                source = policy == .new ? new : live
            }
        }
        if isConflict { addConflict(place.path, Self.kind(all.old, live), Self.kind(all.old, new)) }
        try writer?.copyFile(source, metadata, place, mayLink: source.folder === live.folder)
    }

    /// - Returns: whether the name is one of a file that is merged by entries, and was.
    private func mergeAccounts(_ all: Trio<Located>, _ place: Place) throws -> Bool {
        if AccountFiles.untouched.contains(place.name), all.live?.entry.kind == .file {
            try copy(all.live, .local, place)
            return true
        }
        guard let bytes = accounts.merged[place.name] else { return false }
        let files = all.filter { $0.entry.kind == .file }
        let (metadata, isConflict) = merged(try files.map { (one) throws(SystemError) in try Metadata(one) })
        if isConflict { addConflict(place.path, .modified, .modified) }
        try writer?.write(bytes, metadata, place)
        return true
    }

    /// The owner, mode and attributes, each from whoever has changed it.
    private func merged(_ all: Trio<Metadata>) -> (Metadata, isConflict: Bool) {
        guard let live = all.live, let new = all.new else {
            guard let only = all.live ?? all.new else { fatalError("nothing to merge") }
            return (only, false)
        }
        var isConflict = false
        func pick<Value: Equatable>(_ old: Value?, _ live: Value, _ new: Value) -> EtcSide {
            if live == new || old == new { return .local }
            if old == live { return .image }
            isConflict = true
            return policy == .new ? .image : .local
        }
        var result = live
        if pick(all.old?.owner, live.owner, new.owner) == .image { result.owner = new.owner }
        if pick(all.old?.permissions, live.permissions, new.permissions) == .image {
            result.permissions = new.permissions
        }
        if pick(all.old?.attributes.compared, live.attributes.compared, new.attributes.compared) == .image {
            result.attributes = new.attributes
        }
        return (result, isConflict)
    }

    /// Copies one side's, with everything in it.
    private func copy(_ source: Located?, _ side: EtcSide, _ place: Place) throws {
        try copier.copy(source, side, place)
    }

    private func addConflict(_ path: EtcPath, _ local: EtcChange.Kind, _ image: EtcChange.Kind) {
        plan.conflicts.append(
            EtcConflict(path: path, local: local, image: image, winner: policy == .new ? .image : .local))
    }

    private func addNote(_ path: EtcPath, _ text: String) { plan.notes.append(EtcNote(path: path, text: text)) }
}

/// One thing of each of the three trees, where they have it.
struct Trio<Value> {
    var old: Value?
    var live: Value?
    var new: Value?

    func map<Other>(_ body: (Value) throws(SystemError) -> Other) throws(SystemError) -> Trio<Other> {
        var result = Trio<Other>()
        if let old { result.old = try body(old) }
        if let live { result.live = try body(live) }
        if let new { result.new = try body(new) }
        return result
    }

    func filter(_ isKept: (Value) -> Bool) -> Trio<Value> {
        Trio(
            old: old.flatMap { isKept($0) ? $0 : nil }, live: live.flatMap { isKept($0) ? $0 : nil },
            new: new.flatMap { isKept($0) ? $0 : nil })
    }
}

/// Where something goes.
struct Place {
    let name: EtcName
    let path: EtcPath
    /// The folder of the merged tree; `nil` when nothing is written.
    let output: OpenFolder?
    /// Of the folder.
    let depth: Int
}
