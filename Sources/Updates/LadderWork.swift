import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases
import Transfers

/// What has been made on the way down the ladder, what is left, and what it would cost whole.
final class LadderWork {
    let transaction: StoreTransaction
    private let manifest: ReleaseManifest
    private let size: FetchSize
    private var spare: Spare
    var figures = FetchFigures()
    /// Whether nothing is left for the rungs below.
    var isComplete = false
    /// The files that the release needs and that were not here, once its folders are.
    var missing: Set<ObjectName>?
    /// Objects of the release that were to be made.
    private var planned = Set<ObjectName>()
    /// What asking for one object costs besides the object.
    private static let request: Int64 = 300
    /// How much larger objects are that are compressed one by one, and by deflate.
    private static let loneliness = 1.1

    init(_ transaction: StoreTransaction, _ manifest: ReleaseManifest, _ size: FetchSize, _ spare: Spare) {
        self.transaction = transaction
        self.manifest = manifest
        self.size = size
        self.spare = spare
    }

    func isHere(_ name: ObjectName) -> Bool { transaction.location(of: name) != nil }

    /// Remembers why something was not made. The first reason is the one that is told.
    func note(_ failure: String?) { figures.patchFailure = figures.patchFailure ?? failure }

    /// The figures at the end: what was to be made and is not here falls to whoever fetches whole objects.
    func total() -> FetchFigures {
        figures.fallen = Int64(planned.filter { !isHere($0) }.count)
        return figures
    }

    /// Says whether all that was left has been made.
    ///
    /// - Parameter isAllPlanned: whether that was all that a host like this lacks.
    func settle(isAllPlanned: Bool) {
        let isMade = planned.allSatisfy(isHere)
        isComplete = isMade && (isAllPlanned || missing?.allSatisfy(isHere) == true)
    }

    // MARK: what things cost

    /// How much smaller objects become when they are compressed; nothing becomes larger.
    private var share: Double {
        min(1, Double(manifest.full.compressedBytes) / Double(max(1, manifest.full.bytes)))
    }

    private func wholeBytes(_ bytes: Int64, objects: Int) -> Int64 {
        Int64(Double(bytes) * share) + Self.request * Int64(objects)
    }

    /// About what objects of an index cost whole.
    func wholeBytes(of objects: some Sequence<PatchIndex.Object>) -> Int64 {
        objects.reduce(0) { $0 + wholeBytes($1.size, objects: 1) }
    }

    /// About what the planned objects would cost whole.
    func wholeBytes(of plan: PatchPlan) -> Int64 {
        let request = Self.request * Int64(plan.objectCount)
        return min(size.compressedBytes + request, wholeBytes(plan.objectBytes, objects: plan.objectCount))
    }

    /// About what is still to be fetched.
    func remainingBytes() -> Int64 {
        if isComplete { return 0 }
        let count = Int64(transaction.stagedCount)
        var staged: Int64 = 0
        // What cannot be measured counts as not being there.
        do { staged = try transaction.stagedBytes() } catch {}
        return max(0, size.compressedBytes - Int64(Double(staged) * share)) + Self.request
            * max(0, size.objects - count)
    }

    /// Of a pack's objects those that are missing and in parts that cost less than they do whole; and what they cost whole.
    ///
    /// How far a part could be compressed tells how far its objects can be, which differ much.
    func worthwhile(_ index: PatchIndex) -> (objects: Set<ObjectName>, wholeBytes: Int64) {
        let missing = index.objects.filter { !$0.alternatives.isEmpty && !isHere($0.name) }
        var wanted = Set<ObjectName>()
        var wholeBytes: Int64 = 0
        for (_, objects) in Dictionary(grouping: missing, by: { $0.alternatives[0].part }) {
            let parts = Set(objects.flatMap { Array($0.alternatives[0].parts) }).map { index.parts[$0] }
            let stored = parts.reduce(0) { $0 + Int64($1.storedSize) }
            let decoded = parts.reduce(0) { $0 + Int64($1.decodedSize) }
            let size = objects.reduce(0) { $0 + $1.size }
            let ratio = min(1, Self.loneliness * Double(stored) / Double(max(1, decoded)))
            let whole = Int64(Double(size) * ratio) + Self.request * Int64(objects.count)
            guard stored < whole else { continue }
            wanted.formUnion(objects.map(\.name))
            wholeBytes += whole
        }
        return (wanted, wholeBytes)
    }

    /// Why a plan cannot be carried out here.
    ///
    /// - Parameters:
    ///   - release: whose objects the index has.
    ///   - extra: of these, bytes that nobody has set aside room for.
    func refusal(of plan: PatchPlan, within release: ReleaseManifest, extra: Int64, files: Int64 = 0) -> String? {
        // Objects that the release does not have would be made all the same.
        if plan.objectBytes > release.full.bytes + release.full.objects * 4096 {
            return "the patch index has objects that are not the release's"
        }
        let temporary = plan.temporaryBytes * Int64(PatchFetcher.workerCount) + extra
        if temporary > spare.bytes {
            return "there is no room for the \(temporary) bytes that patches need for a while"
        }
        return files > spare.files ? "there is no room for the \(files) files that patches need for a while" : nil
    }

    // MARK: what is made

    /// Carries a plan out.
    ///
    /// - Parameters:
    ///   - names: of its objects those that the release needs.
    ///   - limit: the bytes that a pool may have which comes whole or not at all.
    func fetch(
        _ plan: PatchPlan, _ index: PatchIndex, _ names: Set<ObjectName>, from pool: String, limit: Int64,
        _ options: TransferOptions, _ progress: @escaping ProgressHandler
    ) throws {
        planned.formUnion(names)
        let fetcher = PatchFetcher(pool: pool, options: options, wholePoolLimit: limit)
        let made = try fetcher.fetch(plan, of: index, into: transaction, progress: progress)
        note(made.failure)
        figures.downloaded += made.downloaded
        figures.objects += made.objects
        figures.bytes += made.bytes
    }

    /// Counts those of the release's objects that are here now.
    func count(_ names: Set<ObjectName>, _ add: (inout FetchFigures, Int64) -> Void) {
        add(&figures, Int64(names.filter(isHere).count))
    }

    /// Room that is taken until the release is complete.
    func take(bytes: Int64, files: Int64) {
        spare.bytes -= bytes
        spare.files -= files
    }
}
