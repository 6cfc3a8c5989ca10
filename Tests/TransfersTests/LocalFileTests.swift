import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import Transfers

/// An origin in a folder that somebody else has written: only regular files are opened, and nothing is waited for.
@Suite struct LocalFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func fetch(_ path: String, limit: Int = 1 << 20) throws -> [UInt8] {
        try Connection(TransferFixture.impatient()).bytes(of: "file://\(folder.path)/\(path)", limit: limit)
    }

    private func failure(_ path: String, limit: Int = 1 << 20) -> TransferError? {
        let start = ContinuousClock.now
        let error = #expect(throws: TransferError.self) { try fetch(path, limit: limit) }
        #expect(ContinuousClock.now - start < .seconds(5))
        return error
    }

    @Test("a pipe without a writer is refused and not waited for")
    func pipe() {
        #expect(mkfifo(folder.path.appending("x").string, 0o644) == 0)
        #expect(failure("x")?.reason.contains("no regular file") == true)
        #expect(failure("x")?.isMissing == false)
    }

    @Test("a device is not opened, whether it has the name or a link leads to it")
    func device() throws {
        #expect(symlink("/dev/zero", folder.path.appending("link").string) == 0)
        #expect(failure("link")?.reason.contains("no regular file") == true)
        #expect(mknod(folder.path.appending("null").string, S_IFCHR | 0o666, 0x103) == 0)
        #expect(failure("null")?.reason.contains("no regular file") == true)
    }

    @Test("a folder or a socket is no file")
    func otherKinds() throws {
        try Files.makeFolder(folder.path.appending("d"))
        #expect(failure("d")?.reason.contains("no regular file") == true)
        #expect(mknod(folder.path.appending("s").string, S_IFSOCK | 0o666, 0) == 0)
        #expect(failure("s")?.reason.contains("no regular file") == true)
    }

    @Test("a link to a file is followed, one that leads in a circle or nowhere is an error")
    func links() throws {
        try folder.write("file", text: "x")
        #expect(symlink("file", folder.path.appending("good").string) == 0)
        #expect(try fetch("good") == Array("x".utf8))
        #expect(symlink("circle", folder.path.appending("circle").string) == 0)
        #expect(failure("circle")?.isMissing == false)
        #expect(symlink("nowhere", folder.path.appending("dangling").string) == 0)
        #expect(failure("dangling")?.isMissing == true)
        #expect(failure("file/below")?.isMissing == true)
    }

    @Test("a file that is larger than allowed is refused, also a sparse one without end")
    func tooLarge() throws {
        try folder.write("sparse", text: "")
        #expect(truncate(folder.path.appending("sparse").string, 1 << 40) == 0)
        guard case .tooLarge(_, 1000) = failure("sparse", limit: 1000) else {
            Issue.record("not refused as too large")
            return
        }
    }

    @Test("an address names spaces, percent signs and other letters by escapes")
    func escapes() throws {
        try folder.write("a b%41ü", text: "x")
        #expect(try fetch("a%20b%2541%C3%BC") == Array("x".utf8))
        for malformed in ["a%", "a%4", "a%zz", "a%00", "a%+1", "a%FF"] {
            guard case .unusable = failure(malformed) else {
                Issue.record("\(malformed) is not refused")
                continue
            }
        }
    }

    @Test("what the sink refuses ends the reading")
    func refused() throws {
        try folder.write("file", text: "12345")
        #expect(throws: CollectingSink.Refusal.self) {
            try Connection(TransferFixture.impatient()).get(
                "file://\(folder.path)/file", limit: 100, into: CollectingSink(capacity: 2))
        }
    }
}
