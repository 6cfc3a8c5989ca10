import Glibc
import LinuxSystem
import TestSupport
import Testing
import Transfers

/// What is tried again, how often, and where it goes on.
@Suite struct RetryTests {
    private let fixture: TransferFixture

    init() throws { fixture = try TransferFixture() }

    @Test("a busy server is asked exactly as often as allowed", arguments: [1, 2, 5])
    func attempts(_ attempts: Int) throws {
        fixture.set(.status(503))
        #expect(fixture.failure(attempts: attempts) == .refused(url: fixture.url, status: 503))
        #expect(fixture.server.requests.count == attempts)
    }

    @Test("passing trouble is tried again", arguments: [408, 429, 500, 502, 503, 504])
    func passing(_ status: Int) throws {
        fixture.set(.status(status))
        #expect(fixture.failure(attempts: 3) == .refused(url: fixture.url, status: status))
        #expect(fixture.server.requests.count == 3)
    }

    @Test("a server that recovers in time is no failure") func recovery() throws {
        fixture.set(.times(2, .status(503)))
        #expect(try fixture.isContent(fixture.fetch(attempts: 3)))
        #expect(fixture.server.requests.map(\.status) == [503, 503, 200])
    }

    @Test("a connection closed instead of an answer is tried again") func closed() throws {
        fixture.set(.times(2, .closed))
        #expect(try fixture.isContent(fixture.fetch(attempts: 3)))
        fixture.set(.closed)
        guard case .unreachable = fixture.failure(attempts: 2) else { return #expect(Bool(false)) }
    }

    @Test("a server that is not there is unreachable") func nobody() throws {
        let url = try ScriptedServer(serving: fixture.folder.path).url(of: "file")
        let error = #expect(throws: TransferError.self) { try fixture.connection().bytes(of: url, limit: 10) }
        guard case .unreachable(url, _) = error else { return #expect(Bool(false), "\(String(describing: error))") }
    }

    @Test("a server that stalls is given up after the time that was set") func stalled() throws {
        fixture.set(.stalled(after: 1000))
        let start = ContinuousClock.now
        guard case .unreachable = fixture.failure(attempts: 1) else { return #expect(Bool(false)) }
        let time = ContinuousClock.now - start
        #expect(time >= .seconds(0.9) && time < .seconds(10))
    }

    @Test("a server that sends a byte now and then is given up") func dripping() throws {
        fixture.set(.dripping(pause: 0.1))
        guard case .unreachable = fixture.failure(attempts: 1) else { return #expect(Bool(false)) }
        #expect(fixture.server.requests[0].bytesSent < 1000)
    }

    @Test("a server that accepts and says nothing is given up") func silent() throws {
        fixture.set(.stalled(after: 0))
        guard case .unreachable = fixture.failure(attempts: 1) else { return #expect(Bool(false)) }
    }

    @Test("an attempt that failed leaves nothing in a sink that starts over") func startsOver() throws {
        fixture.set(.truncated(at: 1000))
        let sink = CollectingSink()
        let url = fixture.url
        #expect(throws: TransferError.self) { try fixture.connection(attempts: 3).get(url, limit: 1 << 20, into: sink) }
        #expect(sink.restarts == 3)
        #expect(sink.bytes.count <= 1000)
        fixture.server.heal()
        try fixture.connection().get(url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
    }

    @Test("a sink that keeps what came asks for the rest alone") func resumes() throws {
        let kept = Array(fixture.content.prefix(100_000))
        let sink = CollectingSink(resumes: true, having: kept)
        try fixture.connection().get(fixture.url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
        #expect(sink.restarts == 0)
        let rest = fixture.content.count - 100_000
        #expect(waitUntil { fixture.server.requests[0].bytesSent == rest })
        #expect(fixture.server.requests.map(\.range) == ["bytes=100000-"])
        #expect(fixture.server.requests.map(\.status) == [206])
    }

    @Test("the next attempt goes on where the last one broke") func resumesAfterFailure() throws {
        fixture.set(.truncated(at: 50_000))
        let sink = CollectingSink(resumes: true)
        let url = fixture.url
        #expect(throws: TransferError.self) { try fixture.connection(attempts: 1).get(url, limit: 1 << 20, into: sink) }
        #expect(sink.bytes.count == 50_000)
        fixture.server.heal()
        try fixture.connection().get(url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
        #expect(fixture.server.requests.last?.range == "bytes=50000-")
    }

    @Test("a server that ignores ranges makes the sink start over") func rangeIgnored() throws {
        fixture.set(.ignoringRange)
        let sink = CollectingSink(resumes: true, having: Array(repeating: 9, count: 1000))
        try fixture.connection().get(fixture.url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
        #expect(sink.restarts == 1)
    }

    @Test("a range beyond the file's end makes the sink start over") func rangeBeyondEnd() throws {
        let sink = CollectingSink(resumes: true, having: Array(repeating: 9, count: fixture.content.count + 5))
        try fixture.connection().get(fixture.url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
    }

    @Test("a rest that is as long as what is kept, and says not where it starts, makes the sink start over")
    func rangeUntold() throws {
        let rest = Array("status 206\n".utf8).count
        fixture.set(.times(1, .status(206)))
        let sink = CollectingSink(resumes: true, having: Array(fixture.content.prefix(rest)))
        try fixture.connection().get(fixture.url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
        #expect(sink.restarts == 1)
    }

    @Test("the second half of a file is asked for and taken in") func secondHalf() throws {
        let half = fixture.content.count / 2
        let sink = CollectingSink(resumes: true, having: Array(fixture.content.prefix(half)))
        try fixture.connection().get(fixture.url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
    }

    @Test("a file that has come whole is whole when asked for again") func nothingLeft() throws {
        let sink = CollectingSink(resumes: true, having: fixture.content)
        try fixture.connection().get(fixture.url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
    }

    @Test("what a sink keeps counts towards the limit") func resumeLimit() throws {
        let sink = CollectingSink(resumes: true, having: Array(fixture.content.prefix(200_000)))
        let url = fixture.url
        let error = #expect(throws: TransferError.self) {
            try fixture.connection().get(url, limit: 250_000, into: sink)
        }
        #expect(error == .tooLarge(url: url, limit: 250_000))
        #expect(sink.bytes.count <= 250_000)
    }

    @Test("an error of the sink comes out as it is, and is not tried again") func sinkError() throws {
        let sink = CollectingSink(capacity: 1000)
        let url = fixture.url
        #expect(throws: CollectingSink.Refusal(reason: "full")) {
            try fixture.connection(attempts: 5).get(url, limit: 1 << 20, into: sink)
        }
        #expect(fixture.server.requests.count == 1)
    }

    @Test("an error of a sink that cannot start is not tried again") func sinkCannotStart() throws {
        let sink = CollectingSink(capacity: -1)
        let url = fixture.url
        #expect(throws: CollectingSink.Refusal(reason: "closed")) {
            try fixture.connection(attempts: 5).get(url, limit: 1 << 20, into: sink)
        }
        #expect(fixture.server.requests.isEmpty)
    }

    @Test("a connection works again after a failure") func reusable() throws {
        let connection = fixture.connection()
        let url = fixture.url
        for behaviour in [ServerBehaviour.truncated(at: 10), .status(404), .closed, .endless] {
            fixture.set(behaviour)
            #expect(throws: TransferError.self) { try connection.bytes(of: url, limit: 1 << 20) }
            fixture.server.heal()
            #expect(try fixture.isContent(connection.bytes(of: url, limit: 1 << 20)))
        }
    }

    @Test("an answer is not judged by the status of the one before") func freshStatus() throws {
        let connection = fixture.connection(attempts: 1)
        fixture.set(.status(404))
        #expect(throws: TransferError.self) { try connection.bytes(of: fixture.url, limit: 100) }
        let file = "file://\(fixture.folder.path)/\(TransferFixture.path)"
        #expect(try fixture.isContent(connection.bytes(of: file, limit: 1 << 20)))
    }
}
