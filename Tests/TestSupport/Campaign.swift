/// How much chance the tests with random faults take, and where from.
public enum Campaign {
    /// How many faults: `HOSTCTL_CAMPAIGN=500`, and a few by default.
    public static func count(orElse usual: Int) -> Int {
        ProcessVariables["HOSTCTL_CAMPAIGN"].flatMap { Int($0) } ?? usual
    }

    /// Whether every case is tried instead of a choice.
    public static let isFull = ProcessVariables["HOSTCTL_CAMPAIGN"] != nil

    /// What all choices of this run come from: `HOSTCTL_SEED=N` repeats those of another one.
    public static let seed: UInt64 =
        ProcessVariables["HOSTCTL_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...999_999_999)

    /// Every `n`th of what there is, so that about `count` are left, or `full` in a full run; begins at a random one.
    public static func choice<Element>(
        of all: [Element], about count: Int, full: Int = .max, _ generator: inout SeededGenerator
    ) -> [Element] {
        let step = max(1, all.count / (isFull ? full : count))
        let first = Int.random(in: 0..<step, using: &generator)
        return stride(from: first, to: all.count, by: step).map { all[$0] }
    }
}

/// SplitMix64: the same numbers from the same seed.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter stream: tells the generators of one seed apart.
    public init(_ seed: UInt64 = Campaign.seed, stream: UInt64 = 0) { state = seed &+ stream &* 0xd1b5_4a32_d192_ed03 }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
