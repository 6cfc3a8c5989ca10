import Checksums
import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases
import SystemPackage
import TestSupport
import Testing

/// A pool that is fetched from servers of all kinds: objects are made, or they are not, and never wrong ones.
@Suite struct PatchFetcherTests {
    private let fixture: PatchFixture

    init() throws { fixture = try PatchFixture() }

    private var count: Int64 { Int64(fixture.index.objects.count) }

    /// The first part of an object that goes over several.
    private var longObject: PatchIndex.Object {
        get throws { try #require(fixture.index.objects.first { $0.alternatives[0].partCount > 1 }) }
    }

    @Test("a healthy server: every object is made, and no byte is fetched twice") func healthy() throws {
        let planned = fixture.plan(try fixture.transaction())
        let figures = try fixture.fetch()
        #expect(figures.objects == count)
        #expect(figures.downloaded == planned.bytes)
        #expect(planned.bytes <= fixture.index.poolSize)
        #expect(fixture.server.requests.count == planned.requests)
        #expect(fixture.server.requests.allSatisfy { $0.status == 206 })
        try fixture.expectAll(figures)
    }

    @Test("a pool in a folder needs no server") func folder() throws {
        let figures = try fixture.fetch(from: "file://\(fixture.folder.path)/\(PatchFixture.poolPath)")
        #expect(figures.objects == count)
        try fixture.expectAll(figures)
    }

    @Test("a part that is damaged on the way once is asked for again") func damagedOnce() throws {
        fixture.set(.times(1, .flipped(at: 20)))
        let figures = try fixture.fetch()
        #expect(figures.objects == count)
        try fixture.expectAll(figures)
    }

    @Test("a part that is always damaged costs its objects, and no others") func damaged() throws {
        fixture.set(.flipped(at: 20))
        let figures = try fixture.fetch()
        let lost = fixture.index.objects.filter { $0.alternatives[0].parts.contains(0) }.count
        #expect(figures.objects == count - Int64(lost) && figures.failed == Int64(lost))
        #expect(figures.failure?.contains("the part at byte 0 of the patch pool is damaged") == true)
        try fixture.expectRecovery()
    }

    @Test("a damaged part in the middle of an object costs that object") func damagedMiddle() throws {
        let part = try #require(try longObject.alternatives[0].parts.last)
        fixture.set(.content(fixture.pool(changing: part) { $0[3] ^= 1 }))
        let figures = try fixture.fetch()
        let lost = fixture.index.objects.filter { $0.alternatives[0].parts.contains(part) }.count
        #expect(figures.failed == Int64(lost) && lost < fixture.index.objects.count)
        try fixture.expectRecovery()
    }

    @Test("parts in each other's places are found") func swapped() throws {
        let (first, last) = (fixture.index.parts[0].storedSize, fixture.index.parts.last?.storedSize ?? 0)
        let pool =
            fixture.pool.suffix(last) + fixture.pool[first..<(fixture.pool.count - last)] + fixture.pool[..<first]
        fixture.set(.content(Array(pool)))
        let figures = try fixture.fetch()
        #expect(figures.failed == count)
        try fixture.expectRecovery()
    }

    @Test("the pool of another release of the same size makes nothing") func otherPool() throws {
        fixture.set(.content(PatchFixture.noise(fixture.pool.count, seed: 99)))
        let figures = try fixture.fetch()
        #expect(figures.failed == count && figures.objects == 0)
        try fixture.expectRecovery()
    }

    @Test("the pool of another release of another size makes nothing, and is asked for once by each worker")
    func otherSize() throws {
        fixture.set(.content(fixture.pool + [1]))
        let figures = try fixture.fetch()
        #expect(figures.failed == count)
        #expect(figures.failure?.contains("instead of") == true)
        #expect(fixture.server.requests.count <= 2)
        try fixture.expectRecovery()
    }

    @Test(
        "wrong ranges make nothing",
        arguments: [
            ServerBehaviour.RangeFault.shifted(1), .lying(1), .untold, .ofOtherSize, .shortened(-1), .encoded,
            .multipart,
        ])
    func wrongRanges(_ fault: ServerBehaviour.RangeFault) throws {
        fixture.set(.range(fault))
        let figures = try fixture.fetch(wholePoolLimit: .max)
        #expect(figures.objects == 0 && figures.failed == count && figures.failure != nil)
        try fixture.expectRecovery()
    }

    @Test("a truncated pool makes what is in it") func truncated() throws {
        fixture.set(.content(Array(fixture.pool.dropLast(10))))
        let figures = try fixture.fetch()
        #expect(figures.failed > 0)
        try fixture.expectRecovery()
    }

    @Test("ranges that are always too short make what is in them") func shortRanges() throws {
        fixture.set(.range(.shortened(5)))
        let figures = try fixture.fetch()
        #expect(figures.failed > 0 && figures.failure != nil, "\(figures)")
        try fixture.expectRecovery()
    }

    @Test("a pool that is not there, or refused, makes nothing", arguments: [404, 403, 500, 416])
    func refused(_ status: Int) throws {
        fixture.set(.status(status))
        let figures = try fixture.fetch()
        #expect(figures.failed == count && figures.failure?.contains("\(status)") == true)
        try fixture.expectRecovery()
    }

    @Test("a connection that is cut in the middle of a part is gone on with there") func cut() throws {
        fixture.set(.times(1, .range(.cut(after: 5000))))
        let figures = try fixture.fetch()
        try fixture.expectAll(figures)
        #expect(figures.downloaded == fixture.server.requests.reduce(0) { $0 + Int64($1.bytesSent) })
    }

    @Test("a connection that stalls in the middle of a part is gone on with there") func stalled() throws {
        fixture.set(.times(1, .range(.stalled(after: 5000))))
        try fixture.expectAll(fixture.fetch())
    }

    @Test("when the pool changes between two ranges, what was made stays, and the rest fails") func changed() throws {
        let other = PatchFixture.noise(fixture.pool.count, seed: 5)
        let server = fixture.server
        fixture.set(.times(1, .after { server.set(.content(other), for: PatchFixture.poolPath) }))
        // A second worker's request could be answered before the change.
        let figures = try fixture.fetch(workers: 1)
        #expect(figures.failed > 0 && figures.objects + figures.failed == count)
        try fixture.expectRecovery()
    }

    // MARK: servers without ranges

    @Test("from a server without ranges the whole pool is read once, when that is worth it") func noRanges() throws {
        fixture.set(.ignoringRange)
        let figures = try fixture.fetch(wholePoolLimit: fixture.index.poolSize)
        #expect(figures.objects == count)
        #expect(fixture.server.requests.last?.range == nil)
        try fixture.expectAll(figures)
    }

    @Test("from a server without ranges a large pool is not read") func noRangesLarge() throws {
        fixture.set(.ignoringRange)
        let figures = try fixture.fetch(wholePoolLimit: fixture.index.poolSize - 1)
        #expect(figures.failed == count && figures.objects == 0)
        #expect(figures.failure?.contains("cannot send a part of a file") == true)
        #expect(fixture.server.requests.count <= 2)
        try fixture.expectRecovery()
    }

    @Test("a whole pool that breaks off is begun again") func noRangesBroken() throws {
        fixture.set(.times(2, .ignoringRange))
        let server = fixture.server
        // Both workers are refused their ranges, then the whole pool breaks once.
        let first = try fixture.fetch(wholePoolLimit: 0)
        #expect(first.failed == count)
        server.forgetRequests()
        fixture.set(.ignoringRange)
        let figures = try fixture.fetch(wholePoolLimit: .max)
        try fixture.expectAll(figures)
    }

    @Test("a whole pool with a damaged part costs that part's objects") func noRangesDamaged() throws {
        // A server that answers 200 with these bytes whatever is asked for.
        fixture.set(.ignoringRange)
        let damaged = fixture.pool(changing: 0) { $0[9] ^= 1 }
        try fixture.folder.write(PatchFixture.poolPath, damaged)
        let figures = try fixture.fetch(wholePoolLimit: .max)
        let lost = fixture.index.objects.filter { $0.alternatives[0].parts.contains(0) }.count
        #expect(figures.failed == Int64(lost) && figures.objects == count - Int64(lost))
        try fixture.folder.write(PatchFixture.poolPath, fixture.pool)
        try fixture.expectRecovery()
    }

    // MARK: what is signed and still wrong

    @Test("a part that is signed nonsense costs its objects") func nonsense() throws {
        let part = try longObject.alternatives[0].part
        let pool = fixture.pool(changing: part) { $0 = PatchFixture.noise($0.count, seed: 3) }
        let start = Int(fixture.index.parts[part].offset)
        let stored = Array(pool[start..<(start + fixture.index.parts[part].storedSize)])
        fixture.index.parts[part].checksum = SHA256.hash(stored)
        fixture.set(.content(pool))
        let figures = try fixture.fetch()
        #expect(figures.failed > 0 && figures.objects + figures.failed == count)
        #expect(figures.failure?.contains("malformed") == true)
    }

    @Test("a part that unpacks to another size than the index says costs its objects", arguments: [-1, 1])
    func otherDecodedSize(_ change: Int) throws {
        fixture.index.parts[0].decodedSize += change
        let figures = try fixture.fetch()
        #expect(figures.failed > 0 && figures.failure?.contains("malformed") == true)
    }

    @Test("entries that the index has in the wrong order make no wrong object") func wrongEntries() throws {
        for place in fixture.index.objects.indices where fixture.index.objects[place].alternatives[0].entry > 0 {
            fixture.index.objects[place].alternatives[0].entry -= 1
        }
        let figures = try fixture.fetch()
        #expect(figures.failed > 0 && figures.objects + figures.failed == count)
    }

    @Test("an object of another size than the index says is not made") func wrongSize() throws {
        fixture.index.objects[0].size += 1
        let figures = try fixture.fetch()
        #expect(figures.failed == 1 && figures.objects == count - 1)
    }

    // MARK: sources

    private func sourcePath() throws -> FilePath {
        let source = try #require(fixture.index.sources.first { $0.name.kind == .file })
        return fixture.store.path.appending("objects/\(source.name.barePath)")
    }

    @Test("a source that is damaged here costs the object that needs it") func damagedSource() throws {
        let path = try sourcePath()
        let bytes = try Files.read(path, limit: 1 << 20)
        let file = try Descriptor(opening: path.string, flags: 1)
        try file.write(bytes.map { $0 ^ 1 })
        let figures = try fixture.fetch()
        #expect(figures.failed == 1 && figures.objects == count - 1)
        #expect(figures.failure?.contains("a patch did not make") == true)
    }

    @Test("a source that is shorter here costs the object that needs it") func shortSource() throws {
        try Files.replace(sourcePath(), with: [1, 2, 3])
        let figures = try fixture.fetch()
        #expect(figures.failed == 1 && figures.objects == count - 1)
    }

    @Test("an object without its source is not planned for") func missingSource() throws {
        try Files.remove(sourcePath())
        let figures = try fixture.fetch()
        #expect(figures.failed == 0 && figures.objects == count - 1)
    }

    // MARK: going on

    @Test("what was made is not fetched again") func resumed() throws {
        fixture.set(.flipped(at: 20))
        let first = try fixture.fetch()
        #expect(first.objects > 0 && first.failed > 0)
        fixture.server.heal()
        let second = try fixture.fetch()
        #expect(second.objects == first.failed)
        #expect(second.downloaded < first.downloaded)
        try fixture.expectAll(second)
    }
}
