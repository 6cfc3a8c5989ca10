public import LinuxSystem
public import ObjectPatches
public import ObjectStorage
public import Transfers

/// Makes objects out of what the store has and a release's patch pool, over several connections at once.
///
/// What arrives is hashed before it is decoded, and each object is verified before it is staged under its name, so that
/// an interrupted fetch goes on with the objects that are left. A worker's memory is that of two parts, whatever the
/// size of objects.
///
/// What fails fails alone: an object whose source is damaged, a part that comes wrong twice, a pool that cannot be had.
/// It is counted, and left to whoever fetches whole objects.
public struct PatchFetcher: Sendable {
    /// The pool's address.
    public let pool: String
    public let options: TransferOptions
    /// The bytes that are fetched at most when the server can only send the pool whole.
    public let wholePoolLimit: Int64
    /// How many connections; each has a thread.
    public let workers: Int

    public init(pool: String, options: TransferOptions, wholePoolLimit: Int64, workers: Int = PatchFetcher.workerCount)
    {
        self.pool = pool
        self.options = options
        self.wholePoolLimit = wholePoolLimit
        self.workers = workers
    }

    /// One for each processor; two even on the smallest host, where one waits for the network while the other computes.
    public static var workerCount: Int { min(max(Workers.processorCount, 2), 4) }

    /// Makes what the plan has.
    ///
    /// - Throws: `SystemError` when nothing can be written. What was made stays staged.
    public func fetch(
        _ plan: PatchPlan, of index: PatchIndex, into transaction: StoreTransaction,
        progress: @escaping ProgressHandler = { _ in }
    ) throws -> PatchFigures {
        let work = PatchWork(pool, index, transaction, total: plan.bytes, progress)
        var wholeBytes: Int64 = 0
        for runs in plan.waves where !work.isGivenUp {
            if work.canSendRanges { try fetch(runs, work) }
            if !work.canSendRanges, !work.isGivenUp {
                wholeBytes += index.poolSize
                try fetchWhole(runs, work, bytes: wholeBytes)
            }
        }
        var figures = work.figures.with { $0 }
        figures.failed = Int64(plan.objectCount) - figures.objects
        return figures
    }

    private func fetch(_ runs: [PatchPlan.Run], _ work: PatchWork) throws {
        // The longest first, so that nobody begins one when the others are done.
        let queue = Guarded(runs.sorted { $0.bytes.count < $1.bytes.count })
        try Workers.run(min(workers, runs.count)) { _, stop in
            let worker = PatchWorker(work, Connection(options, stop: work.halt))
            while !work.halt.isSet, !stop.isSet, let run = queue.with({ $0.popLast() }) {
                do { try worker.fetch(run) } catch {
                    // The others stop in the middle of their transfers.
                    work.halt.set()
                    throw error
                }
            }
        }
    }

    /// The server sends the pool from its beginning or not at all.
    private func fetchWhole(_ runs: [PatchPlan.Run], _ work: PatchWork, bytes: Int64) throws {
        guard bytes <= wholePoolLimit else {
            return work.giveUp("\(pool) comes from a server that cannot send a part of a file")
        }
        let runs = runs.sorted { $0.bytes.lowerBound < $1.bytes.lowerBound }
        try PatchWorker(work, Connection(options)).fetchWhole(
            parts: runs.flatMap(\.parts), jobs: runs.flatMap(\.jobs), poolSize: work.index.poolSize)
    }
}

/// What patches brought.
public struct PatchFigures: Sendable, Equatable {
    /// Objects that were made.
    public var objects: Int64 = 0
    /// The bytes of their streams.
    public var bytes: Int64 = 0
    /// Bytes that came over the network.
    public var downloaded: Int64 = 0
    /// Objects that were planned and not made.
    public var failed: Int64 = 0
    /// Why the first of them was not, or why there were no patches at all.
    public var failure: String?

    public init() {}
}

/// What all workers share.
final class PatchWork: Sendable {
    let pool: String
    let index: PatchIndex
    let transaction: StoreTransaction
    /// Ends the transfers of ranges.
    let halt = StopFlag()
    let figures = Guarded(PatchFigures())
    private let total: Int64
    private let progress: ProgressHandler
    private let rangeless = StopFlag()
    private let gaveUp = StopFlag()
    private let wrongParts = Guarded(0)
    /// A pool with more wrong parts is another release's.
    private static let wrongPartLimit = 4

    init(
        _ pool: String, _ index: PatchIndex, _ transaction: StoreTransaction, total: Int64,
        _ progress: @escaping ProgressHandler
    ) {
        self.pool = pool
        self.index = index
        self.transaction = transaction
        self.total = total
        self.progress = progress
    }

    var canSendRanges: Bool { !rangeless.isSet }
    /// Whether the pool is of no use.
    var isGivenUp: Bool { gaveUp.isSet }

    func noteNoRanges() {
        rangeless.set()
        halt.set()
    }

    /// Ends the use of the pool.
    func giveUp(_ reason: String) {
        note(reason)
        gaveUp.set()
        halt.set()
    }

    func note(_ failure: String) { figures.with { $0.failure = $0.failure ?? failure } }

    /// Counts a part that came wrong twice.
    func noteWrongPart(_ error: PatchError) {
        note(error.reason)
        let count = wrongParts.with { count in
            count += 1
            return count
        }
        if count == Self.wrongPartLimit { giveUp(error.reason) }
    }

    func made(_ object: PatchIndex.Object) {
        figures.with {
            $0.objects += 1
            $0.bytes += object.size
        }
        FaultPoint.reached("patches.object")
    }

    func received(_ count: Int) {
        let (before, now) = figures.with { figures in
            figures.downloaded += Int64(count)
            return (figures.downloaded - Int64(count), figures.downloaded)
        }
        let step: Int64 = 256 << 10
        guard before / step != now / step || now == total, before < total else { return }
        progress(ProgressReport("fetching patches", done: min(now, total), total: total, unit: .bytes))
    }
}
