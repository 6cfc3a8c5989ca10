/// Merges passwd, group, shadow and gshadow by entry.
///
/// The local files are what is written, line by line; then the image's new accounts are added, and what the image has
/// changed of an account and the operator has not. No account is renumbered, none is lost: one that the image no
/// longer has stays, as files in /var may belong to it. A new account whose number is taken here by another name is not
/// added, and is a conflict.
struct AccountMerge {
    /// What the files come to. Those that one side lacks are left out, unless the host could not do without.
    private(set) var merged: [EtcName: [UInt8]] = [:]
    private(set) var conflicts: [EtcConflict] = []
    private(set) var notes: [EtcNote] = []

    private let old: AccountFiles
    private let live: AccountFiles
    private let new: AccountFiles
    private var files: [AccountKind: AccountLines] = [:]
    private var added: [AccountKind: Set<[UInt8]>] = [:]
    private var refused: [AccountKind: Set<[UInt8]>] = [:]

    init(old: AccountFiles, live: AccountFiles, new: AccountFiles) {
        self.old = old
        self.live = live
        self.new = new
        // Groups first: a user is added only when the number of its group means here what it means in the image.
        for kind in [AccountKind.group, .passwd, .gshadow, .shadow] { merge(kind) }
        for (kind, lines) in files { merged[kind.name] = lines.bytes }
    }

    private mutating func merge(_ kind: AccountKind) {
        if live.others.contains(kind) || new.others.contains(kind) { return }
        guard let image = new.contents[kind] else {
            // The image has moved it elsewhere; the host's accounts are in this one.
            if live.contents[kind] != nil { files[kind] = live.lines(kind) }
            return requireRoot(kind)
        }
        guard let local = live.contents[kind] else {
            // Nobody can log in without these two. The others are missing on purpose (`pwunconv`).
            if !kind.isSecret, old.contents[kind] != nil || isOnlyImage(kind) { files[kind] = new.lines(kind) }
            return
        }
        if local == old.contents[kind], keepsAll(kind) {
            files[kind] = AccountLines(image, kind)
        } else {
            files[kind] = live.lines(kind)
            mergeKnown(kind)
            addNew(kind)
        }
        requireRoot(kind)
    }

    private func isOnlyImage(_ kind: AccountKind) -> Bool { live.contents[kind] == nil && new.contents[kind] != nil }

    /// Whether the image has every account of the one before with its number, so that its file can be taken whole.
    private func keepsAll(_ kind: AccountKind) -> Bool {
        guard refused.values.allSatisfy(\.isEmpty), added.values.allSatisfy(\.isEmpty) || !kind.isSecret else {
            return false
        }
        let (before, after) = (old.lines(kind), new.lines(kind))
        let known = before.entries.allSatisfy { entry in
            guard let other = after.entry(entry[0]) else { return false }
            return kind.numbers.allSatisfy { other[$0] == entry[$0] }
        }
        // New ones go through `addNew`, which locks them and looks at their numbers.
        return known && after.entries.allSatisfy { before.entry($0[0]) != nil }
    }

    // MARK: Accounts that are here and in the image

    private mutating func mergeKnown(_ kind: AccountKind) {
        let (before, after) = (old.lines(kind), new.lines(kind))
        var gone: [[UInt8]] = []
        for local in live.lines(kind).entries {
            guard let image = after.entry(local[0]) else {
                if before.entry(local[0]) != nil, !kind.isSecret { gone.append(local[0]) }
                continue
            }
            let fields = merge(local, before.entry(local[0]), image, kind)
            if fields != local { files[kind]?.replace(fields) }
        }
        if !gone.isEmpty {
            let text = "kept, though the image no longer has them: \(Self.list(gone))"
            notes.append(EtcNote(path: EtcPath(kind.rawValue), text: text))
        }
    }

    private mutating func merge(
        _ local: [[UInt8]], _ before: [[UInt8]]?, _ image: [[UInt8]], _ kind: AccountKind
    ) -> [[UInt8]] {
        var fields = local
        for index in 1..<kind.fieldCount {
            if kind.numbers.contains(index) {
                noteNumber(local, before, image, index, kind)
            } else if kind.lists.contains(index) {
                fields[index] = Self.mergeList(local[index], before?[index] ?? [], image[index])
            } else if let before, before[index] == local[index] {
                fields[index] = image[index]
            }
        }
        return fields
    }

    private mutating func noteNumber(
        _ local: [[UInt8]], _ before: [[UInt8]]?, _ image: [[UInt8]], _ index: Int, _ kind: AccountKind
    ) {
        guard local[index] != image[index], before?[index] != image[index] else { return }
        let what = kind == .group ? "group" : index == 2 ? "user" : "group of the user"
        let text =
            "the \(what) '\(Self.text(local[0]))' has the number \(Self.text(image[index])) in the image and "
            + "\(Self.text(local[index])) here; the local number stays, as files belong to it; change the owner of the "
            + "image's files in question with a tmpfiles.d line, or give it the image's number and its files, too"
        conflict(kind, before == nil ? .added : .modified, before == nil ? .added : .modified, text)
    }

    /// The local members without those that the image has taken out, and those that it has put in.
    private static func mergeList(_ local: [UInt8], _ before: [UInt8], _ image: [UInt8]) -> [UInt8] {
        let comma = UInt8(ascii: ",")
        let (mine, known, theirs) = (
            local.split(separator: comma), before.split(separator: comma), image.split(separator: comma)
        )
        let kept = mine.filter { !known.contains($0) || theirs.contains($0) }
        let more = theirs.filter { !known.contains($0) && !kept.contains($0) }
        return kept.count == mine.count && more.isEmpty ? local : Array((kept + more).joined(separator: [comma]))
    }

    // MARK: Accounts that only the image has

    private mutating func addNew(_ kind: AccountKind) {
        let (before, after) = (old.lines(kind), new.lines(kind))
        var names: [[UInt8]] = []
        for entry in after.entries where files[kind]?.entry(entry[0]) == nil {
            guard isWanted(entry[0], before, kind) else { continue }
            if let text = obstacle(entry, after, kind) {
                refused[kind, default: []].insert(entry[0])
                conflict(kind, .added, .added, text)
                continue
            }
            let line = locked(entry, kind)
            files[kind]?.add(line)
            added[kind, default: []].insert(entry[0])
            names.append(entry[0])
        }
        if kind.isSecret { addMissingSecrets(kind) }
        if !names.isEmpty, !kind.isSecret {
            notes.append(EtcNote(path: EtcPath(kind.rawValue), text: "added from the image: \(Self.list(names))"))
        }
    }

    /// One that was there before and is not here has been removed by the operator.
    private func isWanted(_ name: [UInt8], _ before: AccountLines, _ kind: AccountKind) -> Bool {
        guard kind.isSecret else { return before.entry(name) == nil }
        let owner: AccountKind = kind == .shadow ? .passwd : .group
        if refused[owner]?.contains(name) == true { return false }
        if added[owner]?.contains(name) == true { return true }
        return before.entry(name) == nil && (files[owner]?.entry(name) != nil || files[owner] == nil)
    }

    /// Why an account cannot be added, with what to do.
    private func obstacle(_ entry: [[UInt8]], _ image: AccountLines, _ kind: AccountKind) -> String? {
        guard let here = files[kind], let index = kind.numbers.first else { return nil }
        let word = kind == .group ? "group" : "user"
        let name = Self.text(entry[0])
        if let number = AccountLines.number(entry[index]) {
            let same = image.names(number, at: index)
            // An image may give a number to several names, as to root and toor.
            if let holder = here.names(number, at: index).first(where: { !same.contains($0) }) {
                return "the image's \(word) '\(name)' has the number \(number), which the local \(word) "
                    + "'\(Self.text(holder))' has; it was not added; give the local one another number with "
                    + "'\(word)mod', change the owner of its files, and make the deployment anew"
            }
        }
        guard kind == .passwd, let groups = files[.group], let number = AccountLines.number(entry[3]) else {
            return nil
        }
        let meant = new.lines(.group).names(number, at: 2)
        let found = groups.names(number, at: 2)
        guard let other = found.first, !found.contains(where: { meant.contains($0) }) else { return nil }
        return "the image's user '\(name)' belongs to the group with the number \(number), which is the local group "
            + "'\(Self.text(other))' here; it was not added; give the local group another number with 'groupmod', "
            + "change the group of its files, and make the deployment anew"
    }

    private mutating func addMissingSecrets(_ kind: AccountKind) {
        let owner: AccountKind = kind == .shadow ? .passwd : .group
        for name in (added[owner] ?? []).sorted(by: { $0.lexicographicallyPrecedes($1) })
        where files[kind]?.entry(name) == nil {
            let rest = [[UInt8]](repeating: [], count: kind.fieldCount - 2)
            files[kind]?.add([name, Array("!*".utf8)] + rest)
        }
    }

    /// A new account has no password that works, until somebody gives it one.
    private func locked(_ entry: [[UInt8]], _ kind: AccountKind) -> [[UInt8]] {
        var fields = entry
        let password = entry[1]
        let isLocked = password.first == UInt8(ascii: "!") || password.first == UInt8(ascii: "*")
        if isLocked || !kind.isSecret && password == Array("x".utf8) { return fields }
        if kind.isSecret {
            fields[1] = password.isEmpty ? Array("!*".utf8) : [UInt8(ascii: "!")] + password
        } else {
            let secrets: AccountKind = kind == .passwd ? .shadow : .gshadow
            fields[1] = Array((live.contents[secrets] != nil ? "x" : "*").utf8)
        }
        return fields
    }

    // MARK: Root

    /// A host whose root is missing cannot be repaired by anybody.
    private mutating func requireRoot(_ kind: AccountKind) {
        let name = Array("root".utf8)
        guard !kind.isSecret, let here = files[kind], here.entry(name) == nil else { return }
        let known = new.lines(kind).entry(name) ?? old.lines(kind).entry(name)
        let standard = kind == .passwd ? "root:x:0:0:root:/root:/bin/sh" : "root:x:0:"
        let fields =
            known
            ?? standard.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            .map { Array($0) }
        let line = locked(fields, kind)
        files[kind]?.add(line)
        added[kind, default: []].insert(name)
        notes.append(EtcNote(path: EtcPath(kind.rawValue), text: "'root' was missing and was added, locked"))
    }

    // MARK: Words

    private mutating func conflict(
        _ kind: AccountKind, _ local: EtcChange.Kind, _ image: EtcChange.Kind, _ detail: String
    ) {
        conflicts.append(
            EtcConflict(path: EtcPath(kind.rawValue), local: local, image: image, winner: .local, detail: detail))
    }

    private static func text(_ name: [UInt8]) -> String { EtcPath(bytes: name).description }
    private static func list(_ names: [[UInt8]]) -> String { names.map(text).joined(separator: ", ") }
}
