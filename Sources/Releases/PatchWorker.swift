import LinuxSystem
import ObjectPatches
import ObjectStorage
import SystemPackage
import Transfers

/// One connection and what turns its bytes into objects.
final class PatchWorker: TransferSink {
    private let work: PatchWork
    private let connection: Connection
    private let reader = PartReader()
    private let applier: PatchApplier
    /// The part that is arriving.
    private let buffer: UnsafeMutableRawBufferPointer
    private var filled = 0
    /// Where in the pool the request began, and the byte that comes next.
    private var start: Int64 = 0
    private var position: Int64 = 0
    /// What is left of the run.
    private var parts: ArraySlice<Int> = []
    private var jobs: ArraySlice<PatchPlan.Job> = []
    /// The object that goes on in the next part.
    private var unfinished: PatchPlan.Job?
    private var isWhole = false

    private enum Ended: Error { case run }

    init(_ work: PatchWork, _ connection: Connection) {
        self.work = work
        self.connection = connection
        applier = PatchApplier(work.transaction, work.index)
        buffer = .allocate(byteCount: PatchLimits.storedPartBytes, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// Fetches a run by ranges. A part that comes wrong is asked for once more, from its beginning.
    func fetch(_ run: PatchPlan.Run) throws {
        begin(run.parts, run.jobs)
        defer { applier.abandon() }
        var askedTwice = Set<Int>()
        while let part = parts.first, !work.halt.isSet {
            start = work.index.parts[part].offset
            position = start
            do {
                let range = ByteRange(start..<run.bytes.upperBound, of: work.index.poolSize)
                try connection.get(work.pool, range: range, into: self)
            } catch let error as PatchError {
                // Not always the part that the request began with.
                guard let wrong = parts.first else { return }
                let isAskedElsewhere = connection.askElsewhere()
                if askedTwice.insert(wrong).inserted || isAskedElsewhere { continue }
                work.noteWrongPart(error)
                fail(wrong, error)
                parts.removeFirst()
            } catch is Ended {
                return
            } catch let error as TransferError { return note(error) }
        }
    }

    /// Fetches the pool from its beginning to the last part that is needed.
    func fetchWhole(parts: [Int], jobs: [PatchPlan.Job], poolSize: Int64) throws {
        begin(parts, jobs)
        defer { applier.abandon() }
        start = 0
        isWhole = true
        do {
            try connection.get(work.pool, limit: poolSize, into: self)
        } catch is Ended {
        } catch let error as TransferError { note(error) }
    }

    private func note(_ error: TransferError) {
        switch error {
        case .noRanges: work.noteNoRanges()
        case .cancelled: break
        default: work.giveUp(error.reason)
        }
    }

    private func begin(_ parts: [Int], _ jobs: [PatchPlan.Job]) {
        self.parts = parts[...]
        self.jobs = jobs[...]
        unfinished = nil
    }

    // MARK: TransferSink

    var resumeOffset: Int64 { position - start }

    func restart() {
        position = start
        filled = 0
    }

    func receive(_ bytes: UnsafeRawBufferPointer) throws {
        work.received(bytes.count)
        var rest = bytes
        while !rest.isEmpty {
            guard let part = parts.first.map({ work.index.parts[$0] }) else { throw Ended.run }
            var count = Int(min(Int64(rest.count), max(0, part.offset - position)))
            if count == 0 {
                count = min(rest.count, part.storedSize - filled)
                let free = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<(filled + count)])
                free.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
                filled += count
            }
            position += Int64(count)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if filled == part.storedSize { try takePart() }
        }
        if isWhole, parts.isEmpty { throw Ended.run }
    }

    // MARK: a part that is here

    private var stored: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<filled]) }

    private func takePart() throws {
        guard let part = parts.first else { return }
        do throws(PatchError) {
            try reader.load(stored, as: work.index.parts[part])
        } catch {
            // What stands in it is signed nonsense, which another attempt would bring again.
            guard case .wrongPart = error, !isWhole else {
                if isWhole { work.noteWrongPart(error) }
                fail(part, error)
                endPart()
                if isWhole, work.isGivenUp { throw Ended.run }
                return
            }
            throw error
        }
        FaultPoint.reached("patches.part")
        try makeObjects(of: part)
        endPart()
    }

    private func endPart() {
        parts.removeFirst()
        filled = 0
    }

    private func makeObjects(of part: Int) throws {
        jobs = jobs.drop { alternative($0).part < part }
        if let job = unfinished { try attempt(job, part) { try applier.append(entryOf: reader) } }
        while let job = jobs.first, alternative(job).part == part {
            jobs.removeFirst()
            drop("a patch goes on in a part where another begins")
            let object = work.index.objects[job.object]
            if work.transaction.location(of: object.name) != nil { continue }
            unfinished = job
            try attempt(job, part) {
                try reader.skip(to: alternative(job).entry)
                try applier.begin(object, alternative(job))
                try applier.append(entryOf: reader)
            }
        }
    }

    private func attempt(_ job: PatchPlan.Job, _ part: Int, _ body: () throws -> Void) throws {
        do {
            try body()
            guard part == alternative(job).parts.last else { return }
            try applier.finish()
            unfinished = nil
            work.made(work.index.objects[job.object])
        } catch let error as any ExplainedError where Self.isOfOneObject(error) {
            drop(error.reason)
            if case PatchError.malformed = error { return fail(part, error) }
            // The reader stands in the middle of an entry.
            try reader.load(stored, as: work.index.parts[part])
        }
    }

    /// Whether others may succeed. What cannot be read is an error of the patch; a disk that is full is full for all.
    private static func isOfOneObject(_ error: any ExplainedError) -> Bool {
        error is PatchError || error is StoreError
    }

    // MARK: what fails

    /// Gives up the object that is being made.
    private func drop(_ reason: String) {
        guard unfinished != nil else { return }
        applier.abandon()
        unfinished = nil
        work.note(reason)
    }

    /// Gives up what needs a part.
    private func fail(_ part: Int, _ error: any ExplainedError) {
        work.note(error.reason)
        drop(error.reason)
        jobs = jobs.drop { alternative($0).part == part }
    }

    private func alternative(_ job: PatchPlan.Job) -> PatchIndex.Alternative {
        work.index.objects[job.object].alternatives[job.alternative]
    }
}
