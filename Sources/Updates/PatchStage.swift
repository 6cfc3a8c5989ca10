import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases
import SystemPackage
import Transfers

/// What of a release is made from patches, before the rest of it is fetched object by object.
struct PatchStage {
    let manifest: ReleaseManifest
    let client: ReleaseClient
    let options: TransferOptions
    let progress: ProgressHandler

    /// Makes what patches make cheaper.
    ///
    /// - Parameters:
    ///   - size: what is missing at most.
    ///   - spare: bytes of the file system that nothing else is going to need.
    /// - Returns: what was made, and why not more of it.
    /// - Throws: `SystemError` when nothing can be written. All else is left to who fetches whole objects.
    func run(into transaction: StoreTransaction, size: FetchSize, spare: Int64) throws -> PatchFigures {
        var figures = PatchFigures()
        guard let files = manifest.patches, files.indexSize < size.compressedBytes else { return figures }
        progress(ProgressReport("looking for patches"))
        do {
            let index = try client.patchIndex(of: manifest, files)
            FaultPoint.reached("patches.after-index")
            figures = try run(index, transaction, size, spare)
            figures.downloaded += files.indexSize
        } catch let error as any ExplainedError where !(error is SystemError) { figures.failure = error.reason }
        FaultPoint.reached("patches.before-fallback")
        return figures
    }

    private func run(
        _ index: PatchIndex, _ transaction: StoreTransaction, _ size: FetchSize, _ spare: Int64
    ) throws -> PatchFigures {
        let isHere = { (name: ObjectName) in transaction.location(of: name) != nil }
        let plan = PatchPlan(index, isMissing: { !isHere($0) }, isHere: isHere)
        var figures = PatchFigures()
        guard plan.objectCount > 0 else { return figures }
        let wholeBytes = wholeBytes(plan, size)
        if plan.bytes >= wholeBytes { return figures }
        if let reason = refusal(of: plan, spare) {
            figures.failure = reason
            return figures
        }
        let fetcher = PatchFetcher(
            pool: client.patchPool(of: manifest), options: options, wholePoolLimit: wholeBytes)
        return try fetcher.fetch(plan, of: index, into: transaction, progress: progress)
    }

    /// About what the planned objects would cost whole.
    private func wholeBytes(_ plan: PatchPlan, _ size: FetchSize) -> Int64 {
        // Nothing becomes larger by compression.
        let share = min(1, Double(manifest.full.compressedBytes) / Double(max(1, manifest.full.bytes)))
        let request: Int64 = 300
        return min(size.compressedBytes, Int64(Double(plan.objectBytes) * share)) + request * Int64(plan.objectCount)
    }

    /// Why a plan cannot be carried out here.
    private func refusal(of plan: PatchPlan, _ spare: Int64) -> String? {
        // Objects that the release does not have would be made all the same.
        if plan.objectBytes > manifest.full.bytes + manifest.full.objects * 4096 {
            return "the patch index has objects that are not the release's"
        }
        let temporary = plan.temporaryBytes * Int64(PatchFetcher.workerCount)
        return temporary <= spare ? nil : "there is no room for the \(temporary) bytes that patches need for a while"
    }
}
