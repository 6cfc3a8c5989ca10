import Checksums
import ObjectFormats
import ObjectPatches
import Testing

/// What is fetched of a pool, by hosts that have this or that.
@Suite struct PatchPlanTests {
    private func name(_ text: String) -> ObjectName { ObjectName(SHA256.hash(Array(text.utf8)), .file) }

    /// An index whose objects and parts are told in short.
    private final class Sketch {
        var sizes: [(size: Int, bases: UInt64)] = []
        var sources: [String] = []
        var objects: [(name: String, ways: [(from: [String], part: Int, count: Int)])] = []
        var bases = 2
        var objectSize: Int64 = 1 << 30

        func part(_ size: Int, bases: UInt64 = 1) -> Int {
            sizes.append((size, bases))
            return sizes.count - 1
        }

        func object(_ name: String, _ ways: (from: [String], part: Int, count: Int)...) { objects.append((name, ways)) }

        var index: PatchIndex {
            var offset: Int64 = 0
            let parts = sizes.map { size, bases in
                defer { offset += Int64(size) }
                return PatchIndex.Part(
                    offset: offset, storedSize: size, decodedSize: size, checksum: SHA256.hash([]),
                    bases: BaseSet(rawValue: bases))
            }
            let names = Array(Set(objects.flatMap { $0.ways.flatMap(\.from) })).sorted()
            var entries: [Int: Int] = [:]
            let all = objects.map { object in
                PatchIndex.Object(
                    name: file(object.name), size: objectSize,
                    alternatives: object.ways.map { way in
                        defer { entries[way.part, default: 0] += 1 }
                        return .init(
                            sources: way.from.compactMap { names.firstIndex(of: $0) }, part: way.part,
                            entry: entries[way.part, default: 0], partCount: way.count)
                    })
            }
            return PatchIndex(
                commit: SHA256.hash([0]), bases: (0..<bases).map { SHA256.hash([1, UInt8($0)]) }, parts: parts,
                sources: names.map { .init(name: file($0), size: 100) }, objects: all)
        }

        private func file(_ text: String) -> ObjectName { ObjectName(SHA256.hash(Array(text.utf8)), .file) }
    }

    private func plan(_ sketch: Sketch, having names: String...) -> PatchPlan {
        let present = Set(names.map(name))
        return PatchPlan(sketch.index, isMissing: { !present.contains($0) }, isHere: present.contains)
    }

    private func parts(_ plan: PatchPlan) -> [Int] { plan.waves.joined().flatMap(\.parts).sorted() }

    @Test("a host at a base fetches that base's parts and no others", arguments: [0, 1])
    func oneBase(_ base: Int) {
        let sketch = Sketch()
        let parts = [sketch.part(1000, bases: 1), sketch.part(2000, bases: 2), sketch.part(500, bases: 3)]
        for number in 0..<5 {
            sketch.object("n\(number)", (["a\(number)"], parts[0], 1), (["b\(number)"], parts[1], 1))
        }
        sketch.object("shared", ([], parts[2], 1))
        let letter = ["a", "b"][base]
        let plan = PatchPlan(
            sketch.index, isMissing: { _ in true },
            isHere: { name in (0..<5).contains { name == self.name("\(letter)\($0)") } })
        #expect(self.parts(plan) == [base, 2])
        #expect(plan.objectCount == 6 && plan.leftOut == 0)
        #expect(plan.waves.count == 1 && plan.requests == 1)
    }

    @Test("a host that has both bases fetches the parts of one of them") func bothBases() {
        let sketch = Sketch()
        // Each object alone is cheaper from the second base; all together are cheaper from the first.
        let first = sketch.part(100_000, bases: 1)
        let other = (0..<5).map { _ in sketch.part(90_000, bases: 2) }
        for number in 0..<5 { sketch.object("n\(number)", (["a"], first, 1), (["b"], other[number], 1)) }
        #expect(parts(plan(sketch, having: "a", "b")) == [first])
        #expect(parts(plan(sketch, having: "b")) == other)
    }

    @Test("what comes along for nothing is preferred to a part of its own") func sharing() {
        let sketch = Sketch()
        let needed = sketch.part(50_000, bases: 1)
        let small = sketch.part(1000, bases: 2)
        sketch.object("one", (["a"], needed, 1))
        sketch.object("two", (["a"], needed, 1), (["b"], small, 1))
        #expect(parts(plan(sketch, having: "a", "b")) == [needed])
    }

    @Test("an object whose sources are not here is left out") func noSource() {
        let sketch = Sketch()
        let part = sketch.part(1000)
        sketch.object("one", (["a"], part, 1))
        sketch.object("two", (["a", "gone"], part, 1))
        let plan = plan(sketch, having: "a")
        #expect(plan.objectCount == 1 && plan.leftOut == 1)
    }

    @Test("what is here is not made again") func present() {
        let sketch = Sketch()
        let part = sketch.part(1000)
        sketch.object("one", ([], part, 1))
        #expect(plan(sketch, having: "one") == plan(Sketch(), having: ""))
    }

    @Test("an object that is made from another new one comes in a later wave") func waves() {
        let sketch = Sketch()
        let parts = [sketch.part(1000), sketch.part(1000)]
        sketch.object("third", (["second"], parts[0], 1))
        sketch.object("second", (["first"], parts[1], 1))
        sketch.object("first", ([], parts[0], 1))
        let plan = plan(sketch)
        #expect(plan.waves.map { $0.map { $0.jobs.map(\.object) } } == [[[2]], [[1]], [[0]]])
        #expect(plan.leftOut == 0)
    }

    @Test("objects that would be made from each other are left out") func circle() {
        let sketch = Sketch()
        let part = sketch.part(1000)
        sketch.object("one", (["two"], part, 1))
        sketch.object("two", (["one"], part, 1))
        #expect(plan(sketch).leftOut == 2)
        #expect(plan(sketch).waves.isEmpty)
    }

    @Test("a small gap is fetched along, a large one is not") func gaps() {
        for (gap, requests) in [(64 << 10, 1), (64 << 10 + 1, 2)] {
            let sketch = Sketch()
            let parts = [sketch.part(1000), sketch.part(gap), sketch.part(1000)]
            sketch.object("one", ([], parts[0], 1))
            sketch.object("unneeded", (["gone"], parts[1], 1))
            sketch.object("two", ([], parts[2], 1))
            let plan = plan(sketch)
            #expect(plan.requests == requests)
            #expect(plan.bytes == (requests == 1 ? Int64(2000 + gap) : 2000))
        }
    }

    @Test("a large download is shared by several connections, in tens of requests", arguments: [20, 200, 2000])
    func division(_ count: Int) {
        let sketch = Sketch()
        for number in 0..<count { sketch.object("n\(number)", ([], sketch.part(1 << 20), 1)) }
        let plan = plan(sketch)
        #expect((8...32).contains(plan.requests), "\(plan.requests)")
        #expect(plan.bytes == Int64(count) << 20)
        let longest = plan.waves[0].map(\.bytes.count).max() ?? 0
        #expect(Int64(longest) <= max(1 << 20, plan.bytes / 16))
        #expect(plan.waves[0].reduce(0) { $0 + $1.jobs.count } == count)
    }

    @Test("an object that goes over several parts stays with one worker") func spanning() throws {
        let sketch = Sketch()
        for _ in 0..<40 { _ = sketch.part(1 << 20) }
        sketch.object("long", ([], 3, 30))
        sketch.object("short", ([], 20, 1))
        sketch.object("other", ([], 39, 1))
        let plan = plan(sketch)
        let run = try #require(plan.waves[0].first { $0.parts.contains(3) })
        #expect(run.parts == Array(3..<33))
        #expect(run.jobs.map(\.object) == [0, 1])
        #expect(plan.requests == 2)
    }

    @Test("after an interruption, a part that is larger than what is left of it is not fetched") func unprofitable() {
        let sketch = Sketch()
        sketch.objectSize = 10_000
        let part = sketch.part(25_000)
        for number in 0..<3 { sketch.object("n\(number)", ([], part, 1)) }
        #expect(plan(sketch).objectCount == 3)
        #expect(plan(sketch, having: "n1").waves.isEmpty)
    }

    @Test("the room for the largest source that has to be inflated is told") func temporary() {
        let span = DeflateSpan(start: 10, storedSize: 50, inflatedSize: 1000)
        var index = PatchIndex(
            commit: SHA256.hash([]), bases: [],
            parts: [
                .init(
                    offset: 0, storedSize: 10, decodedSize: 10, checksum: SHA256.hash([]), bases: BaseSet(rawValue: 1))
            ], sources: [.init(name: name("a"), size: 100, spans: [span])],
            objects: [
                .init(
                    name: name("b"), size: 100,
                    alternatives: [.init(sources: [0], part: 0, entry: 0, partCount: 1)])
            ])
        let isA = { (name: ObjectName) in name == self.name("a") }
        #expect(PatchPlan(index, isMissing: { _ in true }, isHere: isA).temporaryBytes == 1050)
        index.sources[0].spans = []
        #expect(PatchPlan(index, isMissing: { _ in true }, isHere: isA).temporaryBytes == 0)
    }
}
