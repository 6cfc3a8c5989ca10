import EtcMerges
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// Trees of random names, types, contents and modes.
private struct RandomTree {
    private var generator: Generator

    init(seed: UInt64) { generator = Generator(state: seed) }

    /// Fills an empty folder.
    mutating func fill(_ folder: FilePath, depth: Int = 0) throws {
        for name in ["a", "b", "c", "d"] where Int.random(in: 0..<10, using: &generator) < 7 {
            let path = folder.appending(name)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let text = ["", "x", "y"].randomElement(using: &generator) ?? ""
                let mode: mode_t = [0o644, 0o600, 0o755].randomElement(using: &generator) ?? 0
                try Files.replace(path, with: Array(text.utf8), mode: mode)
            case 5..<7: try Files.makeLink(path, target: Bool.random(using: &generator) ? "a" : "../b")
            default:
                try Files.makeFolder(path, mode: Bool.random(using: &generator) ? 0o755 : 0o700)
                if depth < 3 { try fill(path, depth: depth + 1) }
            }
        }
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        // SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }
}

@Suite struct MergePropertyTests {
    private func fill(_ folder: FilePath, _ seed: UInt64) throws {
        var tree = RandomTree(seed: seed)
        try tree.fill(folder)
    }

    @Test("without local changes the image's comes out", arguments: UInt64(1)...25)
    func noLocalChange(_ seed: UInt64) throws {
        let etc = try EtcFixture()
        try fill(etc.old, seed)
        try fill(etc.live, seed)
        try fill(etc.new, seed + 1000)
        #expect(try etc.merge().conflicts == [])
        #expect(try EtcFixture.listing(etc.merged) == EtcFixture.listing(etc.new), "seed \(seed)")
    }

    @Test("without changes of the image the live one comes out", arguments: UInt64(1)...25)
    func noImageChange(_ seed: UInt64) throws {
        let etc = try EtcFixture()
        try fill(etc.old, seed)
        try fill(etc.live, seed + 1000)
        try fill(etc.new, seed)
        #expect(try etc.merge().conflicts == [])
        #expect(try EtcFixture.listing(etc.merged) == EtcFixture.listing(etc.live), "seed \(seed)")
    }

    @Test("merged twice is merged once; what is merged already has no conflicts", arguments: UInt64(1)...25)
    func idempotent(_ seed: UInt64) throws {
        let etc = try EtcFixture()
        try fill(etc.old, seed)
        try fill(etc.live, seed + 1000)
        try fill(etc.new, seed + 2000)
        let plan = try etc.merge()
        let first = try EtcFixture.listing(etc.merged)
        #expect(try etc.plan().conflicts == plan.conflicts)
        try etc.merge()
        #expect(try EtcFixture.listing(etc.merged) == first, "seed \(seed)")
        // From now on the merged one is live, on the image it was merged with.
        let next = try EtcMerge.plan(old: etc.new, live: etc.merged, new: etc.new)
        #expect(next.conflicts == [])
        // The same on both sides, the local change wins nothing and loses nothing.
        let same = try EtcMerge.plan(old: etc.old, live: etc.new, new: etc.new)
        #expect(same.conflicts == [])
    }
}
