import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases

/// Makes what a release's patches start from by the patches of releases in between, and no more of these than is needed.
///
/// What is made lies with what is being downloaded and is dropped before that enters the store.
struct RouteStage {
    let ladder: PatchLadder
    let route: ReleaseRoute
    /// Of the release that is wanted.
    let index: PatchIndex

    /// A release on the way, and what is wanted of it.
    private struct Level {
        let manifest: ReleaseManifest
        let index: PatchIndex
        var wanted = Set<ObjectName>()
    }

    /// - Throws: as `ReleaseClient.patchIndex`; `TransferError`, `StoreError`, `FormatError`, `SystemError`.
    func run(_ work: LadderWork) throws {
        guard route.bytes < work.remainingBytes() else { return }
        var levels = try fetchIndexes(work)
        FaultPoint.reached("patches.after-route-indexes")
        // Only whoever has the folders knows which files are needed.
        let folders = try ladder.fetcher.fetchFolders(
            of: ladder.commit, into: work.transaction, progress: ladder.progress)
        work.figures.add(folders.figures)
        work.missing = folders.missing
        FaultPoint.reached("patches.after-folders")
        let costs = assign(folders.missing, &levels, work)
        guard costs.bytes < costs.whole, costs.bytes < fullPackBytes(folders.missing.count) else { return }
        for level in levels.reversed() {
            guard try make(level, folders.missing, work, limit: costs.whole / Int64(levels.count)) else { return }
        }
        work.figures.through = levels.reversed().map(\.manifest.version.text)
    }

    /// Each is bounded by what its signed manifest says, and all together by what one may have.
    private func fetchIndexes(_ work: LadderWork) throws -> [Level] {
        let manifests = route.manifests
        let sizes = ([ladder.manifest] + manifests).compactMap(\.patches?.indexDecodedSize)
        guard sizes.reduce(0, +) <= Int64(PatchLimits.indexBytes) else {
            throw PatchError.malformed(what: "the way through other releases", detail: "its indexes are too large")
        }
        return try manifests.compactMap { manifest in
            guard let files = manifest.patches else { return nil }
            let index = try ladder.client.patchIndex(of: manifest, files)
            work.figures.downloaded += files.indexSize
            return Level(manifest: manifest, index: index)
        }
    }

    /// Goes from the release back to what is here, and finds what each release on the way has to give.
    ///
    /// - Returns: what is to be downloaded, and what the objects that come of it would cost whole.
    private func assign(
        _ missing: Set<ObjectName>, _ levels: inout [Level], _ work: LadderWork
    ) -> (bytes: Int64, whole: Int64) {
        let missing = missing.union(index.objects.map(\.name).filter { !work.isHere($0) })
        var wanted = missing
        var made = Set<ObjectName>()
        var (bytes, whole): (Int64, Int64) = (0, 0)
        for position in -1..<levels.count {
            let index = position < 0 ? self.index : levels[position].index
            let below = position + 1 < levels.count ? Set(levels[position + 1].index.objects.map(\.name)) : []
            let plan = PatchPlan(
                index, isMissing: { wanted.contains($0) }, isHere: { work.isHere($0) || below.contains($0) })
            let names = plan.names(in: index)
            if position >= 0 { levels[position].wanted = names }
            bytes += plan.bytes
            whole += work.wholeBytes(
                of: index.objects.filter {
                    names.contains($0.name) && missing.contains($0.name) && !made.contains($0.name)
                })
            made.formUnion(names)
            wanted.formUnion(plan.sources(in: index).filter { !work.isHere($0) })
            wanted.subtract(made)
        }
        return (bytes, whole)
    }

    /// About what the missing files cost out of the full pack.
    private func fullPackBytes(_ missing: Int) -> Int64 {
        guard let pack = ladder.manifest.fullPack else { return .max }
        let share = Double(missing) / Double(max(1, ladder.manifest.full.objects))
        return pack.indexSize + Int64(Double(pack.poolSize) * min(1, share))
    }

    /// - Returns: whether the release's own patches may go on from there.
    private func make(_ level: Level, _ missing: Set<ObjectName>, _ work: LadderWork, limit: Int64) throws -> Bool {
        let plan = PatchPlan(
            level.index, isMissing: { level.wanted.contains($0) && !work.isHere($0) }, isHere: work.isHere)
        if plan.objectCount == 0 { return true }
        let names = plan.names(in: level.index)
        let passing = level.index.objects.filter { names.contains($0.name) && !missing.contains($0.name) }
        let extra = passing.reduce(0) { $0 + $1.size + 4096 }
        let files = Int64(passing.count)
        if let reason = work.refusal(of: plan, within: level.manifest, extra: extra, files: files) {
            work.note(reason)
            return false
        }
        work.take(bytes: extra, files: files)
        // Whoever goes on after a kill must not take them for a part of what is needed.
        try ladder.downloads.savePassing(Set(passing.map(\.name)))
        try work.fetch(
            plan, level.index, names.intersection(missing), from: ladder.client.patchPool(of: level.manifest),
            limit: limit, ladder.options, ladder.progress)
        FaultPoint.reached("patches.after-route-step")
        count(passing, work)
        work.count(names.intersection(missing)) { $0.patched += $1 }
        return true
    }

    /// What is not kept counts apart.
    private func count(_ passing: [PatchIndex.Object], _ work: LadderWork) {
        let made = passing.filter { work.isHere($0.name) }
        work.figures.objects -= Int64(made.count)
        work.figures.bytes -= made.reduce(0) { $0 + $1.size }
        work.figures.passing += Int64(made.count)
    }
}
