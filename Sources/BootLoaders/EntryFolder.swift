import LinuxSystem
import SystemPackage

/// A folder of entry files, whatever the loader: names as `EntryName` has them, and contents that a loader's reader
/// understands.
struct EntryFolder: Sendable {
    let partition: BootPartition
    let folder: FilePath
    /// `.conf` or `.cfg`.
    let suffix: String
    /// What a file says; the other case is the problem in words.
    let read: @Sendable (EntryName, [UInt8]) -> Reading

    enum Reading {
        case entry(LoaderEntry)
        case damaged(String)
        /// Named like ours, and another's all the same.
        case foreign
    }

    /// More is no entry.
    private static let limit = 64 << 10

    func listing() throws -> EntryListing {
        var entries: [LoaderEntry] = []
        var listing = EntryListing()
        guard Files.isFolder(folder) else { return listing }
        let names = try Files.names(in: folder) { listing.foreign.append(String(decoding: $0, as: UTF8.self)) }
        for file in names where !Files.isTemporary(file) {
            guard let name = EntryName(file: file, suffix: suffix) else {
                listing.foreign.append(file)
                continue
            }
            switch content(of: file, name) {
            case .entry(let entry): entries.append(entry)
            case .damaged(let problem):
                listing.damaged.append(.init(name: name, problem: problem, deployment: mention(in: file, name)))
            case .foreign: listing.foreign.append(file)
            }
        }
        return EntryListing(entries: entries, damaged: listing.damaged, foreign: listing.foreign)
    }

    private func content(of file: String, _ name: EntryName) -> Reading {
        do throws(SystemError) {
            let bytes = try Files.read(folder.appending(file), limit: Self.limit)
            return bytes.isEmpty ? .damaged("is empty") : read(name, bytes)
        } catch { return .damaged(error.reason) }
    }

    /// The deployment that a damaged file still names in full.
    private func mention(in file: String, _ name: EntryName) -> String? {
        // What cannot be read tells nothing.
        guard let bytes = try? Files.read(folder.appending(file), limit: Self.limit),
            let text = String(validating: bytes, as: UTF8.self),
            let start = text.firstRange(of: "\(LoaderEntry.linkFolder)\(name.stateroot)/")?.upperBound
        else { return nil }
        let rest = text[start...]
        let end = rest.firstIndex { !($0.isASCII && ($0.isHexDigit || $0 == ".")) }
        guard let end, LoaderEntry.isFolderName(String(rest[..<end])) else { return nil }
        return "\(name.stateroot)/\(rest[..<end])"
    }

    func path(of name: EntryName) -> FilePath { folder.appending(name.text + suffix) }

    /// Adds an entry's file: the switch.
    func add(_ name: EntryName, _ bytes: [UInt8]) throws {
        try partition.makeFolder(folder)
        FaultPoint.reached("boot.before-entry")
        try partition.add(path(of: name), bytes)
        FaultPoint.reached("boot.after-entry")
    }

    /// The names of all files of a generation.
    func names(of generation: Int) throws -> [EntryName] {
        guard Files.isFolder(folder) else { return [] }
        return try Files.names(in: folder, malformed: { _ in }).compactMap { EntryName(file: $0, suffix: suffix) }
            .filter { $0.generation == generation }
    }

    /// Gives an entry another counter, by one rename to a new name. Twins of the generation are removed then: which of
    /// them counts must not depend on the loader.
    ///
    /// - Parameter name: the file that is renamed, the one that is booted first.
    func setCounter(_ counter: TryCounter?, of name: EntryName) throws {
        let new = name.with(counter)
        // Where a twin that says something has the new name already, it stays and this one goes.
        if new.text != name.text, Files.exists(path(of: new)), !isUsable(new) { try partition.remove(path(of: new)) }
        if new.text != name.text, !Files.exists(path(of: new)) {
            FaultPoint.reached("boot.before-counter")
            try partition.move(path(of: name), toNew: path(of: new))
            FaultPoint.reached("boot.after-counter")
        }
        for twin in try names(of: name.generation) where twin.text != new.text && twin.stateroot == new.stateroot {
            try partition.remove(path(of: twin))
        }
    }

    private func isUsable(_ name: EntryName) -> Bool {
        if case .entry = content(of: name.text + suffix, name) { true } else { false }
    }

    func remove(_ generation: Int, unless foreign: [String]) throws {
        for name in try names(of: generation) where !foreign.contains(name.text + suffix) {
            FaultPoint.reached("boot.before-entry-removal")
            try partition.remove(path(of: name))
            FaultPoint.reached("boot.after-entry-removal")
        }
    }
}
