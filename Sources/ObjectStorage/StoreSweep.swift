import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import Synchronization
import SystemPackage

/// The second half of a collection: finds and removes what is not needed.
struct StoreSweep: Sendable {
    let store: Store
    let needed: Set<ObjectName>
    let isDryRun: Bool

    init(_ store: Store, needed: Set<ObjectName>, isDryRun: Bool) {
        self.store = store
        self.needed = needed
        self.isDryRun = isDryRun
    }

    /// What one worker has found.
    private struct Findings: Sendable {
        var objects = 0
        /// Names to be removed, with their closing NUL, by the index of their folder.
        var names: [(folder: Int, names: [[CChar]])] = []
        var commits: [Checksum] = []
        var garbage = 0
        var bytes: Int64 = 0
        var shared: [stat] = []
    }

    func run(workers: Int, _ space: inout FreedSpace) throws -> CollectedObjects {
        let folders = try ObjectFolder.all(of: store)
        let all = Guarded<[Findings]>([])
        let next = Atomic(0)
        try Workers.run(workers) { _, stop in
            var mine = Findings()
            while !stop.isSet {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < folders.count else { break }
                try find(folders[index], index, &mine)
            }
            all.with { $0.append(mine) }
        }
        let findings = all.with { $0 }
        if !isDryRun { try remove(findings, folders, workers: workers) }
        let before = space.bytes
        var result = CollectedObjects()
        for part in findings {
            result.objects += part.objects
            result.removed += part.garbage
            space.add(bytes: part.bytes)
            for status in part.shared { space.add(status) }
        }
        result.bytes = space.bytes - before
        return result
    }

    private func find(_ folder: ObjectFolder, _ index: Int, _ mine: inout Findings) throws {
        let opened = try folder.open()
        var names: [[CChar]] = []
        // What throws must not be called while the folder is being read, and what is removed is little.
        try Files.forEachName(in: opened) { name in
            let entry = ObjectEntry(folder: folder.digits, name: name, mode: store.mode)
            switch entry {
            case .object(let object):
                mine.objects += 1
                if needed.contains(object) { return }
                mine.garbage += 1
                if object.kind == .commit { mine.commits.append(object.checksum) }
            case .commitMetadata(let commit):
                if needed.contains(ObjectName(commit, .commit)) { return }
            case .payloadLink: if isUsed(payload: name, folder) { return }
            case .temporary: if !Files.isAbandoned(path(name, folder)) { return }
            case .other: return
            }
            names.append(name.map { CChar(bitPattern: $0) } + [0])
        }
        for name in names {
            var status = stat()
            try retrying("examine", folder.path) { fstatat(opened.raw, name, &status, AT_SYMLINK_NOFOLLOW) }
            if status.st_nlink == 1 { mine.bytes += Int64(status.st_blocks) * 512 } else { mine.shared.append(status) }
        }
        if !names.isEmpty { mine.names.append((index, names)) }
    }

    private func path(_ name: UnsafeRawBufferPointer, _ folder: ObjectFolder) -> FilePath {
        FilePath("\(folder.path)/\(String(decoding: name, as: UTF8.self))")
    }

    /// Whether the object that a payload link names is needed; one that names no object stays.
    private func isUsed(payload name: UnsafeRawBufferPointer, _ folder: ObjectFolder) -> Bool {
        guard let target = Files.linkTarget(path(name, folder)) else { return true }
        let parts = target.split(separator: "/").suffix(2)
        guard parts.count == 2, let digits = parts.first, let rest = parts.last?.split(separator: ".").first,
            let checksum = Checksum(hex: "\(digits)\(rest)")
        else { return true }
        return needed.contains(ObjectName(checksum, .file))
    }

    // MARK: removing

    private func remove(_ findings: [Findings], _ folders: [ObjectFolder], workers: Int) throws {
        try removeCommits(findings.flatMap(\.commits))
        let work = findings.flatMap(\.names)
        if work.isEmpty { return }
        let next = Atomic(0)
        try Workers.run(workers) { _, stop in
            while !stop.isSet {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < work.count else { return }
                let folder = folders[work[index].folder]
                let opened = try folder.open()
                for name in work[index].names {
                    FaultPoint.reached("collect.object")
                    if unlinkat(opened.raw, name, 0) != 0, errno != ENOENT {
                        throw SystemError("remove an object in", folder.path)
                    }
                }
            }
        }
        FaultPoint.reached("collect.after-objects")
    }

    /// Removes commits with what stands beside them, flushed before anything that they need goes.
    private func removeCommits(_ commits: [Checksum]) throws {
        if commits.isEmpty { return }
        let leavesTombstones = try store.leavesTombstones()
        FaultPoint.reached("collect.before-commits")
        for commit in commits {
            if leavesTombstones { try store.writeTombstone(of: commit) }
            try Files.remove(store.path(of: ObjectName(commit, .commit)))
            FaultPoint.reached("collect.commit")
            try Files.remove(store.partialMark(commit))
        }
        for folder in Set(commits.map { store.path(of: ObjectName($0, .commit)).removingLastComponent() }) {
            try Files.syncFolder(folder)
        }
        FaultPoint.reached("collect.after-commits")
    }
}

extension Store {
    /// Whether clients are to be told that a commit was removed on purpose.
    fileprivate func leavesTombstones() throws(SystemError) -> Bool {
        let text = String(decoding: try Files.read(path.appending("config"), limit: 1 << 20), as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).contains { line in
            ["tombstone-commits=true", "tombstone-commits=1"].contains(line.filter { $0 != " " && $0 != "\t" })
        }
    }

    /// `<checksum>.tombstone-commit`, as `ostree prune` writes it.
    fileprivate func writeTombstone(of commit: Checksum) throws(SystemError) {
        let path = path(of: ObjectName(commit, .commit))
        try Files.replace(
            path.removingLastComponent().appending("\(commit.hex.dropFirst(2)).tombstone-commit"),
            with: Tombstone.encode(commit))
    }
}
