import Glibc
import LinuxSystem
import TestSupport
import Testing
import Transfers

/// Exactly the bytes that were asked for, or an error.
@Suite struct RangeTests {
    private let fixture: TransferFixture
    private let wanted: Range<Int64> = 1000..<200_000

    init() throws { fixture = try TransferFixture() }

    private var size: Int64 { Int64(fixture.content.count) }

    private func fetch(
        _ range: Range<Int64>? = nil, of size: Int64? = nil, attempts: Int = 2, into sink: CollectingSink? = nil,
        from url: String? = nil
    ) throws -> [UInt8] {
        let sink = sink ?? CollectingSink(resumes: true)
        let range = ByteRange(range ?? wanted, of: size ?? self.size)
        try fixture.connection(attempts: attempts).get(url ?? fixture.url, range: range, into: sink)
        return sink.bytes
    }

    private func isWanted(_ bytes: [UInt8], _ range: Range<Int64>? = nil) -> Bool {
        let range = range ?? wanted
        return bytes == Array(fixture.content[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    private func failure(_ fault: ServerBehaviour.RangeFault, attempts: Int = 2) -> TransferError? {
        fixture.set(.range(fault))
        return #expect(throws: TransferError.self) { try fetch(attempts: attempts) }
    }

    private func expectWrong(_ fault: ServerBehaviour.RangeFault, _ text: String) {
        guard case .wrongRange(fixture.url, let detail) = failure(fault) else { return #expect(Bool(false)) }
        #expect(detail.contains(text), "\(detail)")
        // It is not asked again: it would lie again.
        #expect(fixture.server.requests.count == 1)
    }

    @Test("a range at the beginning, in the middle, at the end, of one byte, of all bytes comes exactly")
    func places() throws {
        for range in [0..<10, 5..<6, 1000..<200_000, (size - 7)..<size, 0..<size] as [Range<Int64>] {
            #expect(try isWanted(fetch(range), range), "\(range)")
        }
        let first = fixture.server.requests[0]
        #expect(first.range == "bytes=0-9")
        #expect(fixture.server.requests.allSatisfy { $0.status == 206 && $0.connection > 0 })
    }

    @Test("a range of a local file comes exactly") func localFile() throws {
        let url = "file://\(fixture.folder.path)/\(TransferFixture.path)"
        #expect(try isWanted(fetch(from: url)))
        #expect(throws: TransferError.self) { try fetch((size - 10)..<(size + 10), of: size + 10, from: url) }
        #expect(throws: TransferError.self) { try fetch((size + 10)..<(size + 20), of: size + 20, from: url) }
    }

    @Test("one connection serves ranges and whole files in turn") func mixed() throws {
        let connection = fixture.connection()
        let sink = CollectingSink(resumes: true)
        try connection.get(fixture.url, range: ByteRange(wanted, of: size), into: sink)
        #expect(isWanted(sink.bytes))
        #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
        #expect(fixture.server.connectionCount == 1)
    }

    @Test("a server that ignores ranges is known by its answer, before the body is read") func ignored() throws {
        fixture.set(.ignoringRange)
        let sink = CollectingSink(resumes: true)
        let error = #expect(throws: TransferError.self) { try fetch(into: sink) }
        #expect(error == .noRanges(url: fixture.url))
        #expect(sink.bytes.isEmpty)
        #expect(fixture.server.requests.count == 1)
    }

    @Test("other bytes than asked for are refused", arguments: [1, -1, 500]) func shifted(_ count: Int) {
        expectWrong(.shifted(count), "instead of 'bytes 1000-199999/300000'")
    }

    @Test("bytes that do not say which they are, are refused") func untold() {
        expectWrong(.untold, "does not say which bytes")
    }

    @Test("several parts in one answer are refused") func multipart() {
        expectWrong(.multipart, "does not say which bytes")
    }

    @Test("bytes of a file of another size are refused") func otherSize() { expectWrong(.ofOtherSize, "/300001'") }

    @Test("compressed bytes are refused") func encoded() { expectWrong(.encoded, "encoded as 'gzip'") }

    @Test("an answer that is shorter than asked for is an error") func shorter() {
        #expect(failure(.shortened(100)) == .truncated(url: fixture.url))
    }

    @Test("an answer that is longer than asked for is an error") func longer() {
        #expect(failure(.shortened(-100)) == .tooLarge(url: fixture.url, limit: wanted.upperBound - wanted.lowerBound))
    }

    @Test("a range that breaks is gone on with where it broke") func resumed() throws {
        fixture.set(.times(2, .range(.cut(after: 50_000))))
        #expect(try isWanted(fetch(attempts: 3)))
        #expect(
            fixture.server.requests.map(\.range) == ["bytes=1000-199999", "bytes=51000-199999", "bytes=101000-199999"])
    }

    @Test("a range that is always broken is given up") func broken() {
        #expect(failure(.cut(after: 10)) == .truncated(url: fixture.url))
        #expect(fixture.server.requests.count == 2)
    }

    @Test("a range that stalls is gone on with") func stalled() throws {
        fixture.set(.times(1, .range(.stalled(after: 70_000))))
        #expect(try isWanted(fetch()))
        #expect(fixture.server.requests.last?.range == "bytes=71000-199999")
    }

    @Test("when the file changes while a range is gone on with, its size tells") func changed() throws {
        let other = Array(fixture.content.dropLast())
        let server = fixture.server
        fixture.set(.times(1, .range(.cut(after: 50_000))))
        let sink = CollectingSink(resumes: true)
        #expect(throws: TransferError.truncated(url: fixture.url)) { try fetch(attempts: 1, into: sink) }
        server.set(.content(other), for: TransferFixture.path)
        let error = #expect(throws: TransferError.self) { try fetch(into: sink) }
        guard case .wrongRange = error else { return #expect(Bool(false)) }
    }

    @Test("a range beyond the file's end is refused by the server") func beyond() throws {
        let error = #expect(throws: TransferError.self) { try fetch(size..<(size + 10), of: size + 10) }
        #expect(error == .refused(url: fixture.url, status: 416))
    }

    @Test("a missing file is missing, for ranges too") func missing() {
        let url = fixture.server.url(of: "nothing")
        let error = #expect(throws: TransferError.self) { try fetch(from: url) }
        #expect(error?.isMissing == true)
    }
}
