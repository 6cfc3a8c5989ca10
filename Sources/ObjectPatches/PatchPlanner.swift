import ObjectFormats

/// Chooses, for each object that a host lacks, the way to make it, so that few bytes have to be fetched.
///
/// A part is fetched whole, so its other objects come for nothing. The cheapest choice of all is a hard problem; this
/// tries to follow each base in turn, and none, and drops what turns out to be fetched twice. A host at one of the
/// bases gets that base's parts and no more.
struct PatchPlanner {
    struct Choice {
        var jobs: [PatchPlan.Job] = []
        var bytes: Int64 = 0
    }

    private let index: PatchIndex
    /// Positions of the objects that the host lacks.
    private(set) var missing: [Int] = []
    /// Whether a source is in the store.
    private var isHere: [Bool]
    /// For a source that is not, the object of the plan that it is.
    private var targets: [Int?]
    /// After how many waves an object's sources are there; `nil` when they never are.
    private var waves: [Int?]
    /// The alternatives that can be used, for each of `missing`.
    private var usable: [[Int]] = []
    private static let waveLimit = 8

    init(_ index: PatchIndex, isMissing: (ObjectName) -> Bool, isHere: (ObjectName) -> Bool) {
        self.index = index
        missing = index.objects.indices.filter { isMissing(index.objects[$0].name) }
        self.isHere = index.sources.map { isHere($0.name) }
        let places = Dictionary(missing.map { (index.objects[$0].name, $0) }) { first, _ in first }
        targets = index.sources.map { places[$0.name] }
        waves = Array(repeating: nil, count: index.objects.count)
        findWaves()
        usable = missing.map { object in
            guard let wave = waves[object] else { return [] }
            let alternatives = index.objects[object].alternatives
            return alternatives.indices.filter { isUsable(alternatives[$0], in: wave) }
        }
    }

    /// The wave that an object of the plan is made in.
    func wave(of object: Int) -> Int { waves[object] ?? 0 }

    private mutating func findWaves() {
        var waiting = missing
        for wave in 0..<Self.waveLimit where !waiting.isEmpty {
            let ready = waiting.filter { object in
                index.objects[object].alternatives.contains { isUsable($0, in: wave) }
            }
            if ready.isEmpty { return }
            for object in ready { waves[object] = wave }
            waiting.removeAll { waves[$0] != nil }
        }
    }

    private func isUsable(_ alternative: PatchIndex.Alternative, in wave: Int) -> Bool {
        alternative.sources.allSatisfy { source in
            if isHere[source] { return true }
            guard let target = targets[source], let made = waves[target] else { return false }
            return made < wave
        }
    }

    // MARK: the choice

    mutating func choose() -> Choice {
        var best = choose(following: nil)
        for base in index.bases.indices {
            let choice = choose(following: base)
            if choice.bytes < best.bytes { best = choice }
        }
        return best
    }

    /// Chooses what the hosts of a base need, where an object has that.
    private func choose(following base: Int?) -> Choice {
        var draft = PatchDraft(index, missing, usable)
        for place in missing.indices where usable[place].count == 1 { draft.pick(usable[place][0], for: place) }
        for place in missing.indices where usable[place].count > 1 {
            let alternatives = index.objects[missing[place]].alternatives
            let cost = { (choice: Int) -> (Int64, Int) in
                let isFollowed = base.map { index.parts[alternatives[choice].part].bases.contains($0) } ?? false
                let bytes = draft.cost(of: alternatives[choice])
                return (isFollowed ? min(bytes, 1) : bytes, alternatives[choice].partCount)
            }
            if let cheapest = usable[place].min(by: { cost($0) < cost($1) }) { draft.pick(cheapest, for: place) }
        }
        draft.dropRedundantParts()
        // With waves, what is dropped could be somebody's source.
        if waves.allSatisfy({ $0 ?? 0 == 0 }) { draft.dropUnprofitableParts() }
        return Choice(jobs: draft.jobs, bytes: draft.bytes)
    }
}

/// A choice that is being made.
struct PatchDraft {
    private let index: PatchIndex
    private let missing: [Int]
    private let usable: [[Int]]
    /// For each of `missing`.
    private var picks: [Int?]
    /// How many picks need a part.
    private var uses: [Int]

    init(_ index: PatchIndex, _ missing: [Int], _ usable: [[Int]]) {
        self.index = index
        self.missing = missing
        self.usable = usable
        picks = Array(repeating: nil, count: missing.count)
        uses = Array(repeating: 0, count: index.parts.count)
    }

    var bytes: Int64 { uses.indices.reduce(0) { $0 + (uses[$1] > 0 ? Int64(index.parts[$1].storedSize) : 0) } }

    var jobs: [PatchPlan.Job] {
        zip(missing, picks).compactMap { object, pick in pick.map { .init(object: object, alternative: $0) } }
    }

    /// The bytes that have to be fetched for it besides those that are fetched anyway.
    func cost(of alternative: PatchIndex.Alternative) -> Int64 {
        alternative.parts.reduce(0) { $0 + (uses[$1] > 0 ? 0 : Int64(index.parts[$1].storedSize)) }
    }

    mutating func pick(_ choice: Int?, for place: Int) {
        if let former = alternative(picks[place], place) { for part in former.parts { uses[part] -= 1 } }
        picks[place] = choice
        if let new = alternative(choice, place) { for part in new.parts { uses[part] += 1 } }
    }

    private func alternative(_ choice: Int?, _ place: Int) -> PatchIndex.Alternative? {
        choice.map { index.objects[missing[place]].alternatives[$0] }
    }

    /// The places of those that need a part, for each part.
    private var users: [Int: [Int]] {
        var users: [Int: [Int]] = [:]
        for place in missing.indices {
            for part in alternative(picks[place], place)?.parts ?? 0..<0 { users[part, default: []].append(place) }
        }
        return users
    }

    /// Drops parts whose objects can all be made from the others that are fetched, the largest first.
    mutating func dropRedundantParts() {
        let users = users
        for part in users.keys.sorted(by: { order($0) < order($1) }) {
            let places = (users[part] ?? []).filter { alternative(picks[$0], $0)?.parts.contains(part) == true }
            let others = places.map { place in usable[place].first { isFetched($0, place, without: part) } }
            if others.contains(nil) { continue }
            for (place, other) in zip(places, others) { pick(other, for: place) }
        }
    }

    private func order(_ part: Int) -> (Int, Int) { (-index.parts[part].storedSize, part) }

    private func isFetched(_ choice: Int, _ place: Int, without part: Int) -> Bool {
        guard let alternative = alternative(choice, place), !alternative.parts.contains(part) else { return false }
        return alternative.parts.allSatisfy { uses[$0] > 0 }
    }

    /// Drops parts that are larger than all that is made from them: after an interruption few objects may be left. What
    /// does not compress is a little larger in a part, and is no smaller elsewhere.
    mutating func dropUnprofitableParts() {
        for (part, places) in users.sorted(by: { order($0.key) < order($1.key) }) {
            let gain = places.reduce(0) { $0 + (picks[$1] == nil ? 0 : index.objects[missing[$1]].size) }
            if gain + gain / 8 < Int64(index.parts[part].storedSize) { for place in places { pick(nil, for: place) } }
        }
    }
}
