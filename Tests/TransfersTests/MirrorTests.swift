import LinuxSystem
import TestSupport
import Testing
import Transfers

/// Several servers of the same files, not all of them honest or alive.
@Suite struct MirrorTests {
    private let fixture: TransferFixture
    private let first: ScriptedServer
    private let second: ScriptedServer
    private let notices = Guarded<[String]>([])

    init() throws {
        fixture = try TransferFixture(size: 100_000)
        first = try ScriptedServer(serving: fixture.folder.path)
        second = try ScriptedServer(serving: fixture.folder.path)
    }

    private func connection(_ addresses: [String]? = nil, attempts: Int = 3) -> Connection {
        var options = TransferFixture.impatient(attempts: attempts)
        let notices = notices
        options.mirrors = Mirrors(of: fixture.server.url, addresses: addresses ?? [first.url, second.url + "/"]) {
            text in
            notices.with { $0.append(text) }
        }
        return Connection(options)
    }

    private var counts: [Int] { [first, second, fixture.server].map(\.requests.count) }
    private var noticeCount: Int { notices.with { $0.count } }

    @Test("mirrors are asked in their order, and the origin last") func order() throws {
        #expect(try fixture.isContent(connection().bytes(of: fixture.url, limit: 1 << 20)))
        #expect(counts == [1, 0, 0])
        first.set(.status(404), for: TransferFixture.path)
        #expect(try fixture.isContent(connection().bytes(of: fixture.url, limit: 1 << 20)))
        #expect(counts == [2, 1, 0])
        second.set(.status(404), for: TransferFixture.path)
        #expect(try fixture.isContent(connection().bytes(of: fixture.url, limit: 1 << 20)))
        #expect(counts == [3, 2, 1])
    }

    @Test("an origin that is listed as a mirror, too, keeps the place at the end") func originAmongThem() throws {
        let connection = connection([fixture.server.url, second.url, second.url])
        #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
        #expect(counts == [0, 1, 0])
    }

    @Test("other addresses than the origin's have no mirrors") func otherAddresses() throws {
        let other = try ScriptedServer(serving: fixture.folder.path)
        #expect(try fixture.isContent(connection().bytes(of: other.url(of: TransferFixture.path), limit: 1 << 20)))
        #expect(counts == [0, 0, 0])
    }

    @Test(
        "a mirror that is dead, hangs, drips, breaks off or sends too much is left out at once or after two files",
        arguments: [
            ServerBehaviour.closed, .stalled(after: 0), .stalled(after: 5000), .dripping(pause: 0.1),
            .truncated(at: 900),
            .endless, .endlessRedirect, .status(503),
        ])
    func broken(_ behaviour: ServerBehaviour) throws {
        first.set(behaviour, for: TransferFixture.path)
        let connection = connection()
        for _ in 0..<6 { #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20))) }
        #expect((1...2).contains(first.requests.count))
        #expect(second.requests.count == 6)
        #expect(fixture.server.requests.isEmpty)
        #expect(noticeCount == 1)
    }

    @Test("a mirror that nobody answers for is asked once by all connections of a command") func shared() throws {
        let dead = try ScriptedServer(serving: fixture.folder.path).url
        var options = TransferFixture.impatient()
        let notices = notices
        options.mirrors = Mirrors(of: fixture.server.url, addresses: [dead]) { text in notices.with { $0.append(text) }
        }
        for _ in 0..<3 {
            #expect(try fixture.isContent(Connection(options).bytes(of: fixture.url, limit: 1 << 20)))
        }
        #expect(notices.with { $0 }.first?.hasPrefix("\(dead) is left out for now: cannot fetch") == true)
        #expect(noticeCount == 1)
    }

    @Test("a mirror that lacks some files is left out after two, and a success in between forgives") func lacking()
        throws
    {
        try fixture.folder.write("other", text: "other")
        first.set(.status(404), for: TransferFixture.path)
        let connection = connection()
        for path in [TransferFixture.path, "other", TransferFixture.path, "other"] {
            _ = try connection.bytes(of: fixture.server.url(of: path), limit: 1 << 20)
        }
        #expect(first.requests.count == 4)
        for _ in 0..<3 { _ = try connection.bytes(of: fixture.url, limit: 1 << 20) }
        #expect(first.requests.count == 6)
        #expect(noticeCount == 1)
    }

    @Test("what came from a mirror before it broke is not fetched again") func resumed() throws {
        first.set(.truncated(at: 60_000), for: TransferFixture.path)
        let sink = CollectingSink(resumes: true)
        try connection().get(fixture.url, limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
        #expect(second.requests.map(\.range) == ["bytes=60000-"])
    }

    @Test("a mirror whose content is not accepted is left out, and the next is asked") func lying() throws {
        first.set(.flipped(at: 100), for: TransferFixture.path)
        let connection = connection()
        struct Wrong: Error {}
        for _ in 0..<3 {
            try connection.bytes(of: fixture.url, limit: 1 << 20) { bytes in
                guard fixture.isContent(bytes) else { throw Wrong() }
            }
        }
        #expect(counts == [1, 3, 0])
        #expect(noticeCount == 1)
    }

    @Test("when all lie, the refusal comes out") func allLie() throws {
        struct Wrong: Error {}
        #expect(throws: Wrong.self) { try connection().bytes(of: fixture.url, limit: 1 << 20) { _ in throw Wrong() } }
        #expect(counts == [1, 1, 1])
    }

    @Test("a file that nobody has is missing as the origin says, and a mirror that is down does not hide that")
    func missingEverywhere() throws {
        first.set(.closed, for: "none")
        let url = fixture.server.url(of: "none")
        let error = #expect(throws: TransferError.self) { try connection().bytes(of: url, limit: 10) }
        #expect(error == .refused(url: url, status: 404))
    }

    @Test("a file that mirrors lack is not missing while the origin cannot be asked") func unknown() throws {
        fixture.server.set(.closed, for: "none")
        let url = fixture.server.url(of: "none")
        let error = #expect(throws: TransferError.self) { try connection(attempts: 2).bytes(of: url, limit: 10) }
        #expect(error?.isMissing == false)
        // The last hope gets all attempts.
        #expect(fixture.server.requests.count == 2)
    }

    @Test("a mirror that is left out is asked again when nobody else has the file") func lastResort() throws {
        let connection = connection([first.url])
        first.set(.closed, for: "other")
        #expect(throws: TransferError.self) {
            try connection.bytes(of: fixture.server.url(of: "other"), limit: 10)
        }
        fixture.set(.status(404))
        #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
    }

    private func part(_ connection: Connection) throws -> [UInt8] {
        let sink = CollectingSink(resumes: true)
        let size = Int64(fixture.content.count)
        try connection.get(fixture.url, range: ByteRange(1000..<2000, of: size), into: sink)
        return sink.bytes
    }

    @Test("a mirror that sends whole files only is asked for those, and for no second part") func noRanges() throws {
        first.set(.ignoringRange, for: TransferFixture.path)
        let connection = connection()
        for _ in 0..<4 { #expect(try part(connection) == Array(fixture.content[1000..<2000])) }
        #expect(counts == [1, 4, 0])
        #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
        #expect(counts == [2, 4, 0])
        #expect(noticeCount == 0)
    }

    @Test("when no address sends parts, that is what is said, however often, and whole files still come")
    func noRangesAnywhere() throws {
        for server in [first, second, fixture.server] { server.set(.ignoringRange, for: TransferFixture.path) }
        let connection = connection()
        for _ in 0..<3 {
            #expect(throws: TransferError.noRanges(url: fixture.url)) { _ = try part(connection) }
        }
        #expect([first, second].map(\.requests.count) == [1, 1])
        #expect(try fixture.isContent(connection.bytes(of: fixture.url, limit: 1 << 20)))
        #expect(first.requests.count == 2)
        #expect(noticeCount == 0)
    }

    @Test("an error of the sink is nobody's fault: no other address is asked") func sinkError() throws {
        let sink = CollectingSink(capacity: 1000)
        #expect(throws: CollectingSink.Refusal(reason: "full")) {
            try connection().get(fixture.url, limit: 1 << 20, into: sink)
        }
        #expect(counts == [1, 0, 0])
    }

    @Test("of what all addresses show the newest counts, and those behind are left out") func newest() throws {
        for (server, number) in [(first, 3), (second, 5), (fixture.server, 4)] {
            server.set(.content([UInt8(number)]), for: "index")
        }
        let connection = connection()
        let url = fixture.server.url(of: "index")
        #expect(try connection.newest(of: url, limit: 10, accepting: { $0[0] }, isOlder: <) == 5)
        _ = try connection.bytes(of: fixture.url, limit: 1 << 20)
        #expect(counts == [1, 2, 1])
        #expect(noticeCount == 2)
    }

    @Test("a mirror that shows something that is not accepted hides nothing") func newestAccepted() throws {
        struct Wrong: Error {}
        first.set(.content([9]), for: "index")
        second.set(.closed, for: "index")
        fixture.server.set(.content([4]), for: "index")
        let url = fixture.server.url(of: "index")
        let value = try connection().newest(
            of: url, limit: 10,
            accepting: { bytes in
                guard bytes[0] != 9 else { throw Wrong() }
                return bytes[0]
            }, isOlder: <)
        #expect(value == 4)
    }
}
