/// The earlier places with the same bytes, of every place in a window of 32 KiB, and gzip's search among them.
///
/// gzip goes along one chain, of the places whose three bytes have the same hash, at most so many steps far. Most steps lead
/// to places that have only three bytes in common. Two more chains, of four and of eight equal bytes, lead past them; each
/// place's rank in gzip's chain tells whether gzip would have come so far, so that what is found is the same.
///
/// Places are kept modulo 65,536. An entry that is older than that leads to a place that cannot have the bytes looked
/// for: if it had, it would itself be the newer entry. All is plain memory: every byte is entered.
struct HashChains: ~Copyable {
    /// By hash of three bytes, the last place and, in the upper half, its rank.
    private let heads: UnsafeMutablePointer<UInt32>
    /// By hash of four and of eight bytes, the last place.
    private let heads4: UnsafeMutablePointer<UInt16>
    private let heads8: UnsafeMutablePointer<UInt16>
    /// By place in the window, how far back the one before is; its rank in the chain of three bytes.
    private let links: UnsafeMutablePointer<UInt16>
    private let links4: UnsafeMutablePointer<UInt16>
    private let links8: UnsafeMutablePointer<UInt16>
    private let ranks: UnsafeMutablePointer<UInt16>
    private static let size = GzipLimits.windowSize
    /// How many places with other bytes are passed on the chains that gzip does not have.
    private static let patience = 24

    init() {
        heads = .allocate(capacity: Self.size)
        heads4 = .allocate(capacity: Self.size)
        heads8 = .allocate(capacity: 2 * Self.size)
        links = .allocate(capacity: Self.size)
        links4 = .allocate(capacity: Self.size)
        links8 = .allocate(capacity: Self.size)
        ranks = .allocate(capacity: Self.size)
        for table in [links, links4, links8, ranks] { table.initialize(repeating: 0, count: Self.size) }
        reset(at: 0)
    }

    deinit {
        heads.deallocate()
        for table in [heads4, heads8, links, links4, links8, ranks] { table.deallocate() }
    }

    /// Forgets all places, before those from `start` on are entered.
    func reset(at start: Int) {
        // All heads are then 64 KiB away from the first place, and far from those that follow, until they are replaced.
        let place = UInt16(truncatingIfNeeded: start)
        heads.initialize(repeating: UInt32(place), count: Self.size)
        heads4.initialize(repeating: place, count: Self.size)
        heads8.initialize(repeating: place, count: 2 * Self.size)
    }

    /// gzip's hash: five new bits for each of three bytes, of fifteen.
    @inline(__always)
    private static func hash3(_ value: UInt32) -> Int {
        let (first, second, third) = (value & 31, (value >> 8) & 255, (value >> 16) & 255)
        return Int(truncatingIfNeeded: (first << 10) ^ (second << 5) ^ third)
    }

    @inline(__always)
    private static func hash4(_ value: UInt32) -> Int { Int(truncatingIfNeeded: (value &* 0x9E37_79B1) >> 17) }

    @inline(__always)
    private static func hash8(_ value: UInt64) -> Int {
        Int(truncatingIfNeeded: (value &* 0x9E37_79B9_7F4A_7C15) >> 48)
    }

    /// Enters a place. Eight bytes can be read there.
    @inline(__always)
    func insert(_ place: Int, _ bytes: UnsafePointer<UInt8>) {
        let slot = place & GzipLimits.mask
        let number = UInt16(truncatingIfNeeded: place)
        let value = load64(bytes + place)
        let low = UInt32(truncatingIfNeeded: value)
        let hash = Self.hash3(low)
        let head = heads[hash]
        let rank = (head >> 16) &+ 1
        links[slot] = number &- UInt16(truncatingIfNeeded: head)
        ranks[slot] = UInt16(truncatingIfNeeded: rank)
        heads[hash] = rank << 16 | UInt32(number)
        let hash4 = Self.hash4(low)
        links4[slot] = number &- heads4[hash4]
        heads4[hash4] = number
        let hash8 = Self.hash8(value)
        links8[slot] = number &- heads8[hash8]
        heads8[hash8] = number
    }

    /// The longest match of a place that was just entered, longer than `previous`, as gzip finds it: of two that are
    /// equally long the nearer one. Of three bytes it tells those only that gzip does not discard for being far away.
    ///
    /// - Parameters:
    ///   - steps: how many places of gzip's chain are looked at.
    ///   - nice: the length that ends the search; more than seven.
    /// - Returns: a start of 0 when there is none.
    @inline(__always)
    func search(_ place: Int, _ bytes: UnsafePointer<UInt8>, longerThan previous: Int, steps: Int, nice: Int) -> Found {
        guard let long = longMatch(place, bytes, max(previous, 7), steps, nice) else {
            return plainMatch(place, bytes, longerThan: previous, steps: steps, nice: nice)
        }
        if long.start != 0 || previous >= 7 { return long }
        guard let short = shortMatch(place, bytes, max(previous, 3), steps) else {
            return plainMatch(place, bytes, longerThan: previous, steps: steps, nice: nice)
        }
        if short.start != 0 || previous >= 3 { return short }
        return shortestMatch(place, bytes, steps)
    }

    struct Found {
        var length: Int
        var start: Int
    }

    /// Along gzip's own chain: for places whose other chains are crowded with bytes that only have the same hash.
    @inline(never)
    func plainMatch(_ place: Int, _ bytes: UnsafePointer<UInt8>, longerThan previous: Int, steps: Int, nice: Int)
        -> Found
    {
        let lowest = place - reach(place)
        let scan = bytes + place
        var (best, found, rest, candidate) = (previous, 0, steps, place)
        let begin = load16(scan)
        var end = load16(scan + best - 1)
        while rest > 0 {
            let distance = Int(links[candidate & GzipLimits.mask])
            candidate -= distance
            if distance == 0 || candidate < lowest { break }
            if rest < steps, place - candidate == GzipLimits.maximumDistance { break }
            rest -= 1
            let match = bytes + candidate
            guard load16(match + best - 1) == end, load16(match) == begin else { continue }
            let length = commonLength(scan, match, GzipLimits.maximumMatch)
            guard length > best else { continue }
            (best, found) = (length, candidate)
            if length >= nice { break }
            end = load16(scan + best - 1)
        }
        let isDiscarded = best == GzipLimits.minimumMatch && place - found > GzipLimits.tooFar
        return isDiscarded ? Found(length: GzipLimits.minimumMatch - 1, start: 0) : Found(length: best, start: found)
    }

    /// Whether gzip's chain leads from `place` to `candidate`, which is in it, within so many steps.
    @inline(__always)
    private func isReached(_ candidate: Int, from place: Int, _ steps: Int) -> Bool {
        let rank = Int(ranks[place & GzipLimits.mask] &- ranks[candidate & GzipLimits.mask])
        // At the far end of the window it looks only when that is the first of the chain.
        return rank <= steps && (place - candidate < GzipLimits.maximumDistance || rank == 1)
    }

    /// How far back a match may begin. Never at the very first place.
    @inline(__always)
    private func reach(_ place: Int) -> Int { min(GzipLimits.maximumDistance, place - 1) }

    /// Among the places with the same eight bytes; `nil` when too many others are in the way.
    @inline(__always)
    private func longMatch(_ place: Int, _ bytes: UnsafePointer<UInt8>, _ previous: Int, _ steps: Int, _ nice: Int)
        -> Found?
    {
        let scan = bytes + place
        let lowest = place - reach(place)
        var (best, found, rest, strange, candidate) = (previous, 0, steps, 0, place)
        let begin = load64(scan)
        var end = load64(scan + best - 7)
        while rest > 0 {
            let distance = Int(links8[candidate & GzipLimits.mask])
            candidate -= distance
            if distance == 0 || candidate < lowest { break }
            let match = bytes + candidate
            let value = load64(match)
            if value != begin {
                // The link was too old.
                if Self.hash8(value) != Self.hash8(begin) { break }
                strange += 1
                if strange > Self.patience { return nil }
                continue
            }
            rest -= 1
            guard load64(match + best - 7) == end else { continue }
            let length = commonLength(scan, match, GzipLimits.maximumMatch)
            guard length > best else { continue }
            if !isReached(candidate, from: place, steps) { break }
            (best, found) = (length, candidate)
            if length >= nice { break }
            end = load64(scan + best - 7)
        }
        return Found(length: best, start: found)
    }

    /// Among the places with the same four bytes, when eight are nowhere; `nil` when too many others are in the way.
    @inline(__always)
    private func shortMatch(_ place: Int, _ bytes: UnsafePointer<UInt8>, _ previous: Int, _ steps: Int) -> Found? {
        let lowest = place - reach(place)
        var (best, found, rest, strange, candidate) = (previous, 0, steps, 0, place)
        let begin = load64(bytes + place)
        let hash = Self.hash4(UInt32(truncatingIfNeeded: begin))
        while rest > 0 {
            let distance = Int(links4[candidate & GzipLimits.mask])
            candidate -= distance
            if distance == 0 || candidate < lowest { break }
            let value = load64(bytes + candidate)
            let length = (value ^ begin).trailingZeroBitCount >> 3
            if length < 4 {
                if Self.hash4(UInt32(truncatingIfNeeded: value)) != hash { break }
                strange += 1
                if strange > Self.patience { return nil }
                continue
            }
            rest -= 1
            guard length > best else { continue }
            if !isReached(candidate, from: place, steps) { break }
            (best, found) = (length, candidate)
            if length >= 7 { break }
        }
        return Found(length: best, start: found)
    }

    /// The nearest place with the same three bytes, when four are nowhere.
    @inline(__always)
    private func shortestMatch(_ place: Int, _ bytes: UnsafePointer<UInt8>, _ steps: Int) -> Found {
        let lowest = place - min(GzipLimits.tooFar, reach(place))
        var (rest, candidate) = (steps, place)
        let begin = load32(bytes + place)
        while rest > 0 {
            let distance = Int(links[candidate & GzipLimits.mask])
            candidate -= distance
            if distance == 0 || candidate < lowest { break }
            let value = load32(bytes + candidate)
            if (value ^ begin) << 8 == 0 { return Found(length: GzipLimits.minimumMatch, start: candidate) }
            if Self.hash3(value) != Self.hash3(begin) { break }
            rest -= 1
        }
        return Found(length: GzipLimits.minimumMatch - 1, start: 0)
    }
}

/// Bytes as a number, the first one lowest.
@inline(__always)
private func load64(_ pointer: UnsafePointer<UInt8>) -> UInt64 {
    UInt64(littleEndian: UnsafeRawPointer(pointer).loadUnaligned(as: UInt64.self))
}

@inline(__always)
private func load32(_ pointer: UnsafePointer<UInt8>) -> UInt32 {
    UInt32(littleEndian: UnsafeRawPointer(pointer).loadUnaligned(as: UInt32.self))
}

@inline(__always)
private func load16(_ pointer: UnsafePointer<UInt8>) -> UInt16 {
    UnsafeRawPointer(pointer).loadUnaligned(as: UInt16.self)
}
