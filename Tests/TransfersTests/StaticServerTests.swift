import TestSupport
import Testing
import Transfers

/// Servers that others have written, and what they do with ranges.
@Suite struct StaticServerTests {
    @Test("a file arrives as it is, and a missing one is missing", arguments: StaticServer.Kind.allCases)
    func plain(_ kind: StaticServer.Kind) throws {
        let fixture = try TransferFixture()
        let server = try StaticServer(kind, serving: fixture.folder.path)
        let connection = fixture.connection()
        for _ in 0..<3 {
            let bytes = try connection.bytes(of: "\(server.url)/\(TransferFixture.path)", limit: 1 << 20)
            #expect(fixture.isContent(bytes))
        }
        let error = #expect(throws: TransferError.self) {
            try connection.bytes(of: "\(server.url)/objects/none", limit: 1000)
        }
        #expect(error?.isMissing == true)
    }

    @Test(
        "the rest of a file is the right one, whether the server knows ranges or sends it whole",
        arguments: StaticServer.Kind.allCases, [1, 1000, 299_999, 300_000, 400_000])
    func rest(_ kind: StaticServer.Kind, _ offset: Int) throws {
        let fixture = try TransferFixture()
        let server = try StaticServer(kind, serving: fixture.folder.path)
        let had = Array(fixture.content.prefix(offset)) + [UInt8](repeating: 0, count: max(0, offset - 300_000))
        let sink = CollectingSink(resumes: true, having: had)
        try fixture.connection().get("\(server.url)/\(TransferFixture.path)", limit: 1 << 20, into: sink)
        #expect(fixture.isContent(sink.bytes))
        // python's server sends files whole; a range that starts behind the end is begun anew everywhere.
        #expect(sink.restarts == (kind == .python || offset >= 300_000 ? 1 : 0))
    }

    @Test("a file of exactly the limit is accepted, one byte more is not", arguments: StaticServer.Kind.allCases)
    func limit(_ kind: StaticServer.Kind) throws {
        let fixture = try TransferFixture()
        let server = try StaticServer(kind, serving: fixture.folder.path)
        let url = "\(server.url)/\(TransferFixture.path)"
        #expect(try fixture.isContent(fixture.connection().bytes(of: url, limit: fixture.content.count)))
        let error = #expect(throws: TransferError.self) {
            try fixture.connection().bytes(of: url, limit: fixture.content.count - 1)
        }
        #expect(error == .tooLarge(url: url, limit: Int64(fixture.content.count - 1)))
    }
}
