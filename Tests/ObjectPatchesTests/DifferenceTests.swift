import Testing

@testable import ObjectPatches

@Suite struct DifferenceTests {
    private static let samples: [(String, source: [UInt8], target: [UInt8])] = {
        var data = SampleData(seed: 3)
        let (text, random) = (data.text(60_000), data.random(50_000))
        var first = SampleData(seed: 5)
        var second = SampleData(seed: 5)
        return [
            ("equal", text, text), ("empty source", [], text), ("empty target", text, []),
            ("one byte each", [1], [1]), ("edited text", text, data.edited(text, changes: 60)),
            ("edited random bytes", random, data.edited(random, changes: 40)),
            ("nothing in common", data.random(20_000), data.random(20_000)),
            ("moved halves", random, Array(random[25_000...] + random[..<25_000])),
            ("code at another address", first.code(80_000), second.code(80_000, shift: 0x1240)),
            ("only zeros", [UInt8](repeating: 0, count: 5000), [UInt8](repeating: 0, count: 9000)),
        ]
    }()

    /// Makes the target out of the regions, which must cover it without gaps.
    private func rebuilt(
        _ regions: [(Range<Int>, Int, Range<Int>)], _ source: [UInt8], _ target: [UInt8]
    ) -> Bool {
        var position = 0
        for (range, start, insert) in regions {
            guard range.lowerBound == position, insert.lowerBound == range.upperBound else { return false }
            guard start >= 0, start + range.count <= source.count else { return false }
            position = insert.upperBound
        }
        return position == target.count
    }

    @Test("regions cover the target once, and lie in the source", arguments: 0..<10)
    func covers(_ number: Int) {
        let (name, source, target) = Self.samples[number]
        source.withUnsafeBufferPointer { old in
            target.withUnsafeBufferPointer { new in
                var regions: [(Range<Int>, Int, Range<Int>)] = []
                Differencer(old, new, SuffixMatchFinder(old)).forEachRegion {
                    regions.append(($0.target, $0.source, $0.insert))
                }
                #expect(rebuilt(regions, source, target), "\(name), suffix array")
                regions = []
                Differencer(old, new, BlockMatchFinder(old)).forEachRegion {
                    regions.append(($0.target, $0.source, $0.insert))
                }
                #expect(rebuilt(regions, source, target), "\(name), block hashes")
            }
        }
    }

    private func insertedBytes<Finder: MatchFinder>(
        _ source: [UInt8], _ target: [UInt8], _ finder: (UnsafeBufferPointer<UInt8>) -> Finder
    ) -> Int {
        source.withUnsafeBufferPointer { old in
            target.withUnsafeBufferPointer { new in
                var sum = 0
                Differencer(old, new, finder(old)).forEachRegion { sum += $0.insert.count }
                return sum
            }
        }
    }

    @Test("a few edits cost little more than what they add")
    func small() {
        var data = SampleData(seed: 21)
        let source = data.random(200_000)
        let target = data.edited(source, changes: 50)
        #expect(insertedBytes(source, target) { SuffixMatchFinder($0) } < 50 * 60)
        #expect(insertedBytes(source, target) { BlockMatchFinder($0) } < 50 * 90)
    }

    @Test("a suffix array is what sorting all suffixes gives")
    func suffixes() {
        var data = SampleData(seed: 23)
        var samples: [[UInt8]] = [[], [0], [1, 1], [2, 1], [1, 2], [UInt8](repeating: 9, count: 70)]
        samples += (0..<60).map { _ in
            let letters = 1 + data.below(4)
            return (0..<(2 + data.below(200))).map { _ in UInt8(data.below(letters)) }
        }
        samples.append(Array("mississippi".utf8))
        for bytes in samples {
            let expected = bytes.indices.sorted { bytes[$0...].lexicographicallyPrecedes(bytes[$1...]) }
            bytes.withUnsafeBufferPointer { buffer in
                let array = SuffixArray(buffer)
                #expect((0..<array.count).map { array[$0] } == expected, "\(bytes)")
            }
        }
    }

    @Test("the longest match is found wherever it is")
    func longest() {
        var data = SampleData(seed: 29)
        let source = (0..<4000).map { _ in UInt8(data.below(3)) }
        let target = (0..<300).map { _ in UInt8(data.below(3)) }
        source.withUnsafeBufferPointer { old in
            target.withUnsafeBufferPointer { new in
                let finder = SuffixMatchFinder(old)
                for place in 0..<(target.count - 2) {
                    let best = source.indices.map { start in
                        zip(source[start...], target[place...]).prefix { $0 == $1 }.count
                    }.max()
                    let match = finder.match(new, at: place)
                    #expect(match.length == best)
                    #expect(source[match.position...].starts(with: target[place..<(place + match.length)]))
                }
            }
        }
    }
}
