public import ObjectFormats

/// How a host makes the objects that it lacks: what has to be fetched of the pool, and what is made of it.
public struct PatchPlan: Equatable, Sendable {
    /// One object to be made in one of the ways that the index has.
    public struct Job: Hashable, Sendable {
        /// The object's position in the index.
        public let object: Int
        /// The position among the object's alternatives.
        public let alternative: Int

        public init(object: Int, alternative: Int) {
            self.object = object
            self.alternative = alternative
        }
    }

    /// What one worker fetches with one request and goes through from its beginning to its end.
    public struct Run: Equatable, Sendable {
        /// The parts that are needed, in their order. Small ones between them are fetched and dropped.
        public let parts: [Int]
        /// In the order of their places. An object's parts are all here.
        public let jobs: [Job]
        /// The bytes of the pool.
        public let bytes: Range<Int64>
    }

    /// Each wave needs that the one before it is complete: its sources are made there.
    public internal(set) var waves: [[Run]] = []
    /// Objects that are made.
    public internal(set) var objectCount = 0
    /// The bytes of their streams.
    public internal(set) var objectBytes: Int64 = 0
    /// Objects of the index that are missing here and cannot be made, or cost less elsewhere.
    public internal(set) var leftOut = 0
    /// The bytes that one worker may need for a source that it has to inflate.
    public internal(set) var temporaryBytes: Int64 = 0

    /// Bytes that have to be fetched.
    public var bytes: Int64 { waves.joined().reduce(0) { $0 + Int64($1.bytes.count) } }
    /// Requests that have to be made.
    public var requests: Int { waves.reduce(0) { $0 + $1.count } }

    /// Plans.
    ///
    /// - Parameters:
    ///   - isMissing: whether this host lacks an object that it needs.
    ///   - isHere: whether an object can be a source.
    public init(
        _ index: PatchIndex, isMissing: (ObjectName) -> Bool, isHere: (ObjectName) -> Bool
    ) {
        var planner = PatchPlanner(index, isMissing: isMissing, isHere: isHere)
        let choice = planner.choose()
        leftOut = planner.missing.count - choice.jobs.count
        objectCount = choice.jobs.count
        objectBytes = choice.jobs.reduce(0) { $0 + index.objects[$1.object].size }
        let levels = Dictionary(grouping: choice.jobs) { planner.wave(of: $0.object) }
        waves = levels.sorted { $0.key < $1.key }.map { PatchRuns(index, $0.value).runs }
        let sources = Set(choice.jobs.flatMap { index.objects[$0.object].alternatives[$0.alternative].sources })
        temporaryBytes = sources.map { index.sources[$0] }.filter { !$0.spans.isEmpty }.map(\.viewSize).max() ?? 0
    }
}

/// Gathers jobs into runs: as few requests as may be, and enough for several connections.
struct PatchRuns {
    private(set) var runs: [PatchPlan.Run] = []
    private let index: PatchIndex
    /// What is dropped on the way costs less than another request.
    private static let gap: Int64 = 64 << 10
    /// Runs are no shorter than this while there is more to fetch.
    private static let shortest: Int64 = 1 << 20
    /// About how many runs a large download is divided into.
    private static let division: Int64 = 16

    init(_ index: PatchIndex, _ jobs: [PatchPlan.Job]) {
        self.index = index
        let jobs = jobs.sorted { place($0) < place($1) }
        var linked = Set<Int>()
        for job in jobs { linked.formUnion(alternative(job).parts.dropLast()) }
        let wanted = Set(jobs.flatMap { alternative($0).parts }).sorted()
        let total = wanted.reduce(0) { $0 + Int64(index.parts[$1].storedSize) }
        let longest = max(Self.shortest, total / Self.division)
        var groups: [[Int]] = []
        for part in wanted {
            if let first = groups.last?.first, let last = groups.last?.last,
                linked.contains(last) || start(part) - end(last) <= Self.gap && end(part) - start(first) <= longest
            {
                groups[groups.count - 1].append(part)
            } else {
                groups.append([part])
            }
        }
        runs = divide(jobs, among: groups)
    }

    private func divide(_ jobs: [PatchPlan.Job], among groups: [[Int]]) -> [PatchPlan.Run] {
        var rest = jobs[...]
        return groups.map { parts in
            let last = parts[parts.count - 1]
            let own = rest.prefix { alternative($0).part <= last }
            rest = rest.dropFirst(own.count)
            return .init(parts: parts, jobs: Array(own), bytes: start(parts[0])..<end(last))
        }
    }

    private func alternative(_ job: PatchPlan.Job) -> PatchIndex.Alternative {
        index.objects[job.object].alternatives[job.alternative]
    }
    private func place(_ job: PatchPlan.Job) -> (Int, Int) { (alternative(job).part, alternative(job).entry) }
    private func start(_ part: Int) -> Int64 { index.parts[part].offset }
    private func end(_ part: Int) -> Int64 { start(part) + Int64(index.parts[part].storedSize) }
}
