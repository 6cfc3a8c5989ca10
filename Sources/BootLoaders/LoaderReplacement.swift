import LinuxSystem
import SystemPackage

/// A loader's file, whose name the firmware or another program knows, and which therefore has to be replaced.
///
/// Two more names may stand beside it. At every moment, and so after every kill and power cut:
///
/// 1. `<name>.OLD`, when it is not empty, is a whole copy of what is proven.
/// 2. Without it the file itself is proven: it has booted, or it is the first that was put there.
/// 3. `<name>.NEW` is worth nothing, and nothing is concluded from it.
///
/// So what is proven is there, whole, under one of the first two names, and nothing on trial passes for it. Each step
/// keeps that:
///
/// - `.OLD` is made where there is none, as a copy of the file, which is proven then. It has its name once it is complete
///   and read back. The updates that follow find it, and do not make it again.
/// - `.NEW` is removed, once whatever went before is on the disk, and written anew; neither changes the others.
/// - `.NEW` and the file are exchanged, and the partition is flushed. There is a `.OLD` by then, which has clusters of its
///   own. The exchange changes two names in one folder and frees nothing: should a disk write the two apart, the file has
///   the old content or the new one, whole. `.NEW` has the same one then, in the same clusters, and is not removed.
/// - `.OLD` is removed when the file is proven, and on the disk: after a good boot, or when an update has brought back the
///   very content of `.OLD`.
struct ReplacedFile: Sendable {
    let partition: BootPartition
    let path: FilePath

    private func beside(_ suffix: String) -> FilePath {
        let name = path.lastComponent.map { $0.string } ?? ""
        let stem = name.split(separator: ".", omittingEmptySubsequences: false).dropLast().joined(separator: ".")
        return path.removingLastComponent().appending("\(stem.isEmpty ? name : stem)\(suffix)")
    }
    private var new: FilePath { beside(".NEW") }
    private var old: FilePath { beside(".OLD") }

    /// Whether the file has the content of `source`.
    func isEqual(to source: FilePath) throws -> Bool {
        try Files.exists(path) && BootPartition.areEqual(path, source)
    }

    /// Whether the file is on trial: what is proven stands beside it, and is something else.
    func isOnTrial() throws -> Bool {
        guard Files.exists(path), try isWhole(old) else { return false }
        return try !BootPartition.areEqual(old, path)
    }

    /// Whether a copy of what is proven stands beside the file, whatever the file is.
    func hasFallback() throws -> Bool { try Files.exists(path) && isWhole(old) }

    /// What `put` takes on the partition, in bytes of whole clusters.
    func room(for source: FilePath) throws -> LoaderRoom {
        let new = try partition.space(forFileOf: BootPartition.size(of: source))
        guard let size = try BootPartition.sizeIfPresent(of: path) else { return LoaderRoom(kept: new) }
        if try isEqual(to: source) { return LoaderRoom() }
        let present = try partition.space(forFileOf: size)
        return LoaderRoom(kept: try isWhole(old) ? 0 : present, growth: max(0, new - present), passing: new)
    }

    /// Adds the file, or replaces it, so that it has the content of `source`. Again is fine, after a kill as well.
    func put(_ source: FilePath) throws {
        try put(unless: { try BootPartition.areEqual($0, source) }, adding: { try partition.addCopy($0, of: source) })
    }

    /// The same with these bytes.
    func put(_ bytes: [UInt8]) throws {
        try put(unless: { try Self.holds($0, bytes) }, adding: { try partition.add($0, bytes) })
    }

    private static func holds(_ path: FilePath, _ bytes: [UInt8]) throws -> Bool {
        let file = try Descriptor(opening: path.string)
        return try BootPartition.readsBack(file, bytes.count) { offset, chunk in
            offset + chunk.count <= bytes.count && chunk.elementsEqual(bytes[offset..<offset + chunk.count])
        }
    }

    private func put(
        unless isRight: (FilePath) throws -> Bool, adding add: (FilePath) throws -> Void
    ) throws {
        guard Files.exists(path) else {
            try partition.makeFolder(path.removingLastComponent())
            return try add(path)
        }
        try discard(new)
        // Whatever is found may have come there by a change that was killed before its flush.
        if try isRight(path) { return try partition.flush() }
        if Files.exists(new) { throw BootLoaderError.sharedClusters(new.string) }
        let isKeptNow = try keepProven()
        do { try add(new) } catch {
            // The file is proven still, and a copy that nothing waits for would stay.
            if isKeptNow { do { try partition.remove(old) } catch {} }
            throw error
        }
        try partition.exchange(new, path)
        try discard(new)
        // Back at what is proven. The file was written just now, so that the two share nothing.
        if try isRight(old) { try partition.remove(old) }
    }

    /// - Returns: whether the copy was made now.
    private func keepProven() throws -> Bool {
        if try isWhole(old) {
            try partition.flush()
            return false
        }
        if Files.exists(old) { try partition.remove(old) }
        try partition.addCopy(old, of: path)
        return true
    }

    /// Whether it is there, and not what a power cut leaves of a file that was about to get its name.
    private func isWhole(_ path: FilePath) throws -> Bool { try BootPartition.sizeIfPresent(of: path) ?? 0 > 0 }

    /// The file has booted: it is what is proven now. A copy that an update has made, and come no further, goes as well: it
    /// has clusters of its own, unless a `.NEW` tells of an exchange that was torn.
    func confirm() throws {
        try discard(new)
        if Files.exists(new) { return try discard(old) }
        guard Files.exists(old) else { return }
        try partition.flush()
        try partition.remove(old)
    }

    /// Removes what stands beside the file. An exchange that was killed before its flush has to be on the disk first. What
    /// has the file's own content stays: after a power cut the two might share their clusters, and removing one would take
    /// the other's away.
    private func discard(_ path: FilePath) throws {
        guard Files.exists(path) else { return }
        if try isWhole(path), try BootPartition.areEqual(path, self.path) { return }
        try partition.flush()
        try partition.remove(path)
    }
}

/// The room that an update of a loader takes on the boot partition, in bytes.
struct LoaderRoom {
    /// Copies of what is proven.
    var kept: Int64 = 0
    /// By which the new files are larger.
    var growth: Int64 = 0
    /// The largest file beside the one that it is exchanged with.
    var passing: Int64 = 0

    var needed: Int64 { kept + growth + passing }

    static func += (sum: inout LoaderRoom, other: LoaderRoom) {
        sum.kept += other.kept
        sum.growth += other.growth
        sum.passing = max(sum.passing, other.passing)
    }
}
