import TestSupport
import Testing

@testable import ObjectPatches

/// The chains that gzip does not have must find what gzip's own chain leads to, and nothing else.
@Suite struct HashChainTests {
    /// Eight bytes each, all different, with the same hash: the longer chain is crowded with them.
    private static func colliding(_ count: Int) -> [UInt8] {
        let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        var inverse: UInt64 = 1
        for _ in 0..<64 { inverse = inverse &* (2 &- factor &* inverse) }
        var bytes: [UInt8] = []
        for index in 1...UInt64(count) {
            let value = ((index << 20) | 0x31234) &* inverse
            withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
        }
        return bytes
    }

    private static func samples() -> [(String, [UInt8])] {
        var data = SampleData(seed: 41)
        let few = (0..<20_000).map { _ in UInt8(data.below(3)) }
        // A long match that lies behind many short ones: only so many steps are made.
        var crowd: [UInt8] = []
        for index in 0..<3000 { crowd += [1, 2, 3, UInt8(index & 255), UInt8(index >> 8), 9] }
        let phrase: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
        let marker = Array("marker of 24 bytes here.".utf8)
        var edges: [UInt8] = []
        for shift in -3...3 {
            edges += marker + data.random(GzipLimits.maximumDistance - marker.count + shift) + marker
        }
        let triple: [UInt8] = [250, 251, 252]
        var triples: [UInt8] = []
        for shift in -2...2 { triples += triple + data.random(GzipLimits.tooFar - 3 + shift) + triple + data.random(9) }
        let strange = colliding(60)
        return [
            ("three letters", few), ("behind a crowd", phrase + crowd + phrase + crowd + phrase),
            ("at the window's edge", edges), ("three bytes, near and far", triples),
            ("three bytes, far, and the end", triple + [0] + data.random(6000) + triple),
            ("equal hashes", strange + strange + data.random(40_000) + strange + strange.reversed()),
            ("zeros and others", { $0 + [UInt8](repeating: 0, count: 40_000) + $0 }(strange + data.code(70_000))),
        ]
    }

    @Test("what is found is what gzip's chain leads to", arguments: [4, 128])
    func equal(_ steps: Int) {
        for (name, sample) in Self.samples() {
            let chains = HashChains()
            chains.reset(at: 0)
            (sample + [UInt8](repeating: 0, count: 300)).withUnsafeBufferPointer { buffer in
                guard let bytes = buffer.baseAddress else { return }
                for place in sample.indices {
                    chains.insert(place, bytes)
                    if sample.count > 30_000, place % 7 != 0 { continue }
                    for previous in [2, 3, 7, 40] {
                        let found = chains.search(place, bytes, longerThan: previous, steps: steps, nice: 128)
                        let plain = chains.plainMatch(place, bytes, longerThan: previous, steps: steps, nice: 128)
                        guard found.start != plain.start || found.start != 0 && found.length != plain.length
                        else { continue }
                        Issue.record("\(name): at \(place) after \(previous): \(found), not \(plain)")
                        return
                    }
                }
            }
        }
    }

    @Test("what gzip makes of such bytes is made again, bit for bit", arguments: GzipDeflater.levels)
    func identical(_ level: Int) throws {
        for (name, bytes) in Self.samples() {
            let result = try run(["/usr/bin/gzip", "-n", "-c", "-\(level)"], input: bytes)
            try #require(result.status == 0)
            var output: [UInt8] = []
            let deflater = GzipDeflater(level: level)
            try bytes.withUnsafeBytes { try deflater.append($0) { output.append(contentsOf: $0) } }
            try deflater.finish { output.append(contentsOf: $0) }
            #expect(output.elementsEqual(result.output[10...].dropLast(8)), "\(name) at level \(level)")
        }
    }
}
