import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases
import Transfers

/// What of a release is made from pools, before the rest of it is fetched object by object: by the release's own patches, if
/// need be after what they start from has been made by those of releases in between, and then out of the full pack.
///
/// A rung that cannot be had, or is not cheaper than the ones below it, is left out.
struct PatchLadder {
    let manifest: ReleaseManifest
    let commit: Commit
    /// The way through other releases, where there is one.
    let route: ReleaseRoute?
    let client: ReleaseClient
    let fetcher: ObjectFetcher
    let downloads: Downloads
    let options: TransferOptions
    let progress: ProgressHandler

    /// Makes what pools make cheaper.
    ///
    /// - Parameters:
    ///   - size: what is missing at most.
    ///   - spare: what of the file system nothing else is going to need.
    ///   - usesPatches: whether something may be here that patches start from.
    /// - Returns: what was made, and why not more of it.
    /// - Throws: `SystemError` when nothing can be written. All else is left to who fetches whole objects.
    func run(
        into transaction: StoreTransaction, size: FetchSize, spare: Spare, usesPatches: Bool
    ) throws -> FetchFigures {
        let work = LadderWork(transaction, manifest, size, spare)
        if usesPatches, let files = manifest.patches, files.indexSize < size.compressedBytes {
            try attempt(work) { try patch(files, work) }
        }
        FaultPoint.reached("patches.before-full-pack")
        if !work.isComplete, let files = manifest.fullPack, files.indexSize * 2 < work.remainingBytes() {
            try attempt(work) { try unpack(files, work) }
        }
        FaultPoint.reached("patches.before-fallback")
        return work.total()
    }

    private func attempt(_ work: LadderWork, _ rung: () throws -> Void) throws {
        do { try rung() } catch let error as any ExplainedError where !(error is SystemError) {
            work.note(error.reason)
        }
    }

    // MARK: the rungs

    private func patch(_ files: PatchFiles, _ work: LadderWork) throws {
        progress(ProgressReport("looking for patches"))
        let index = try client.patchIndex(of: manifest, files)
        work.figures.downloaded += files.indexSize
        FaultPoint.reached("patches.after-index")
        if let route {
            try attempt(work) { try RouteStage(ladder: self, route: route, index: index).run(work) }
            FaultPoint.reached("patches.after-route")
        }
        let plan = PatchPlan(index, isMissing: { !work.isHere($0) }, isHere: work.isHere)
        let isKnown = index.bases.contains { work.isHere(ObjectName($0, .commit)) }
        let isDone = try make(plan, index, .patches, work, limit: work.wholeBytes(of: plan))
        work.settle(isAllPlanned: isDone && isKnown && plan.leftOut == 0)
    }

    private func unpack(_ files: PatchFiles, _ work: LadderWork) throws {
        progress(ProgressReport("looking into the full pack"))
        let index = try client.patchIndex(.fullPack, of: manifest, files)
        work.figures.downloaded += files.indexSize
        FaultPoint.reached("patches.after-pack-index")
        let wanted = work.worthwhile(index)
        let plan = PatchPlan(index, isMissing: { wanted.objects.contains($0) }, isHere: work.isHere)
        _ = try make(plan, index, .fullPack, work, limit: wanted.wholeBytes)
    }

    /// - Parameter limit: about what the planned objects cost whole.
    /// - Returns: whether there was nothing to be made, or all of it was tried.
    private func make(
        _ plan: PatchPlan, _ index: PatchIndex, _ kind: PoolKind, _ work: LadderWork, limit: Int64
    ) throws -> Bool {
        if plan.objectCount == 0 { return true }
        if plan.bytes >= limit { return false }
        if let reason = work.refusal(of: plan, within: manifest, extra: 0) {
            work.note(reason)
            return false
        }
        let names = plan.names(in: index)
        let pool = client.patchPool(kind, of: manifest)
        try work.fetch(plan, index, names, from: pool, limit: limit, options, progress)
        if kind == .fullPack { work.count(names) { $0.packed += $1 } } else { work.count(names) { $0.patched += $1 } }
        return true
    }
}

extension PatchPlan {
    /// Its objects.
    func names(in index: PatchIndex) -> Set<ObjectName> { Set(jobs.map { index.objects[$0.object].name }) }

    /// What they are made of.
    func sources(in index: PatchIndex) -> Set<ObjectName> {
        Set(
            jobs.flatMap { index.objects[$0.object].alternatives[$0.alternative].sources }
                .map { index.sources[$0].name })
    }

    private var jobs: [Job] { waves.flatMap { $0.flatMap(\.jobs) } }
}
