import LinuxSystem
import TestSupport
import Testing
import Transfers

/// What servers answer, rightly or not.
@Suite struct AnswerTests {
    private let fixture: TransferFixture

    init() throws { fixture = try TransferFixture() }

    @Test("a file arrives as it is") func plain() throws {
        #expect(try fixture.isContent(fixture.fetch()))
        #expect(fixture.server.requests.map(\.status) == [200])
    }

    @Test("an empty file is an empty answer") func empty() throws {
        fixture.set(.content([]))
        #expect(try fixture.fetch() == [])
    }

    @Test("many requests share one connection") func keepAlive() throws {
        let connection = fixture.connection()
        for _ in 0..<20 { #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20))) }
        #expect(fixture.server.requests.count == 20)
        #expect(fixture.server.connectionCount == 1)
    }

    @Test("a connection that the server dropped between requests is made anew") func dropped() throws {
        fixture.server.limitConnections(to: 3)
        let connection = fixture.connection(attempts: 1)
        for _ in 0..<10 { #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20))) }
        #expect(fixture.server.connectionCount == 4)
    }

    @Test("an answer without a length ends with its connection") func withoutLength() throws {
        fixture.set(.withoutLength)
        #expect(try fixture.isContent(fixture.fetch()))
    }

    @Test("a body shorter than announced is refused, after another attempt") func truncated() throws {
        fixture.set(.truncated(at: 1000))
        #expect(fixture.failure() == .truncated(url: fixture.url))
        #expect(fixture.server.requests.count == 2)
    }

    @Test("a length larger than the body is a truncated body") func lengthTooLarge() throws {
        fixture.set(.announced(fixture.content.count + 1))
        #expect(fixture.failure() == .truncated(url: fixture.url))
    }

    @Test("what comes after the announced length is not taken in") func lengthTooSmall() throws {
        fixture.set(.announced(10))
        let connection = fixture.connection()
        #expect(try connection.bytes(of: fixture.url, limit: 1 << 20) == Array(fixture.content.prefix(10)))
        fixture.server.heal()
        #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
    }

    @Test("an answer that announces more than the limit is refused before its body") func announcedTooLarge() throws {
        fixture.set(.announced(1 << 40))
        let sink = CollectingSink()
        let url = fixture.url
        let error = #expect(throws: TransferError.self) { try fixture.connection().get(url, limit: 5000, into: sink) }
        #expect(error == .tooLarge(url: url, limit: 5000))
        #expect(sink.bytes.isEmpty)
        #expect(fixture.server.requests.count == 1)
    }

    @Test("a body without an announced length is cut off at the limit") func countedTooLarge() throws {
        fixture.set(.endless)
        let sink = CollectingSink()
        let url = fixture.url
        let error = #expect(throws: TransferError.self) {
            try fixture.connection().get(url, limit: 300_000, into: sink)
        }
        #expect(error == .tooLarge(url: url, limit: 300_000))
        #expect(sink.bytes.count <= 300_000)
        #expect(waitUntil { fixture.server.requests[0].bytesSent < 32 << 20 })
        #expect(fixture.server.requests.count == 1)
    }

    @Test("a file of exactly the limit is accepted, one byte more is not") func exactLimit() throws {
        #expect(try fixture.isContent(fixture.fetch(limit: fixture.content.count)))
        #expect(
            fixture.failure(limit: fixture.content.count - 1)
                == .tooLarge(url: fixture.url, limit: Int64(fixture.content.count - 1)))
    }

    @Test("header lines without end are cut off") func endlessHeader() throws {
        fixture.set(.endlessHeader)
        #expect(fixture.failure(attempts: 1) != nil)
        #expect(fixture.server.requests[0].bytesSent < 16 << 20)
    }

    @Test("a compressed answer is handed on as it came") func notDecoded() throws {
        let gzip: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        fixture.set(.content(gzip))
        #expect(try fixture.fetch() == gzip)
    }

    @Test("a missing file is missing, and asked for once") func missing() throws {
        let url = fixture.server.url(of: "objects/none")
        let error = #expect(throws: TransferError.self) { try fixture.connection().bytes(of: url, limit: 10) }
        #expect(error == .refused(url: url, status: 404))
        #expect(error?.isMissing == true)
        #expect(fixture.server.requests.count == 1)
    }

    @Test("what the server forbids is not asked for again", arguments: [400, 401, 403, 410, 451])
    func refusedOnce(_ status: Int) throws {
        fixture.set(.status(status))
        #expect(fixture.failure(attempts: 4) == .refused(url: fixture.url, status: status))
        #expect(fixture.server.requests.count == 1)
    }

    @Test("an answer that is no file is refused, whatever it carries", arguments: [204, 206, 302, 304])
    func noFile(_ status: Int) throws {
        fixture.set(.status(status))
        let sink = CollectingSink()
        let url = fixture.url
        let error = #expect(throws: TransferError.self) {
            try fixture.connection().get(url, limit: 1 << 20, into: sink)
        }
        #expect(error == .refused(url: url, status: status))
        #expect(sink.bytes.isEmpty)
        #expect(fixture.server.requests.count == 1)
    }

    @Test("the largest limit there is refuses nothing") func noLimit() throws {
        let sink = CollectingSink()
        try fixture.connection().get(fixture.url, limit: .max, into: sink)
        #expect(fixture.isContent(sink.bytes))
    }

    @Test("a status is told as such even when its page is larger than the file could be", arguments: [404, 403])
    func largePage(_ status: Int) throws {
        fixture.set(.status(status))
        #expect(fixture.failure(limit: 3) == .refused(url: fixture.url, status: status))
    }
}
