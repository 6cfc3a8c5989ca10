import Checksums
import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

@testable import Sysroots

/// The log of changes, whole and damaged.
@Suite struct HistoryTests {
    private let fixture: TestSysroot
    private let history: History

    init() throws {
        fixture = try TestSysroot()
        try Files.makeFolder(fixture.paths.state)
        history = History(fixture.paths)
    }

    private static let file = "ostree/hostctl/history.jsonl"

    private func entry(_ time: Int64, _ action: HistoryEntry.Action = .deploy) -> HistoryEntry {
        HistoryEntry(time: time, command: "hostctl upgrade", action: action, deployment: "host/x.0", version: "1")
    }

    private func failure(_ time: Int64, _ reason: String) -> HistoryEntry {
        HistoryEntry(FailureRecord(time: time, command: "hostctl upgrade", reason: reason))
    }

    @Test("nothing has been changed yet")
    func missing() throws {
        #expect(try history.read() == History.Reading())
    }

    @Test("a line that cannot be read is named, and the others are told")
    func damage() throws {
        try history.add(entry(1))
        let good = try fixture.read(Self.file)
        let bad = ["{\"format\":1", "\u{0}\u{0}\u{0}", "{\"format\":9}", "[]", String(repeating: "[", count: 5000)]
        try fixture.write(Self.file, good + bad.joined(separator: "\n") + "\n" + good)
        let reading = try history.read()
        #expect(reading.entries.map(\.time) == [1, 1])
        #expect(reading.damage.map(\.line) == [2, 3, 4, 5, 6])
        try history.add(entry(2))
        #expect(try history.read().damage.count == 5)
        #expect(try history.read().entries.map(\.time) == [1, 1, 2])
    }

    @Test("bytes that are no text, and a last line without its end")
    func bytes() throws {
        try history.add(entry(1))
        let line = try Files.read(fixture.root.appending(Self.file), limit: 1000)
        try Files.replace(fixture.root.appending(Self.file), with: [0xFF, 0xFE, 10] + line.dropLast())
        let reading = try history.read()
        #expect(reading.entries.map(\.time) == [1])
        #expect(reading.damage.map(\.line) == [1])
    }

    @Test("of a file that has grown out of bounds the end is read")
    func huge() throws {
        try history.add(entry(1))
        let line = try fixture.read(Self.file)
        let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: History.byteLimit + 10)
        try Files.replace(fixture.root.appending(Self.file), with: zeros + Array("\n\(line)".utf8))
        let reading = try history.read()
        #expect(reading.isCut)
        #expect(reading.entries.map(\.time) == [1])
        try history.add(entry(2))
        #expect(try history.entries().map(\.time) == [1, 2])
        #expect(try !history.read().isCut)
    }

    @Test("a folder or a pipe in the file's place is told, and not waited for", arguments: [true, false])
    func noFile(_ isPipe: Bool) throws {
        let path = fixture.root.appending(Self.file)
        #expect((isPipe ? mkfifo(path.string, 0o600) : mkdir(path.string, 0o700)) == 0)
        let reading = try history.read()
        #expect(reading.entries.isEmpty)
        #expect(reading.damage.map(\.line) == [0])
    }

    @Test("the same failure again is counted, another one is another entry")
    func failures() throws {
        try history.add(entry(1))
        for time in 2...4 { try history.add(failure(Int64(time), "no network")) }
        try history.add(failure(5, "no space"))
        try history.add(failure(6, "no network"))
        let entries = try history.entries()
        #expect(entries.map(\.time) == [1, 4, 5, 6])
        #expect(entries.map(\.count) == [1, 3, 1, 1])
        #expect(entries[1].reason == "no network")
    }

    @Test("a timer that fails for a year leaves the changes before it in the history")
    func failingTimer() throws {
        try history.add(entry(1))
        for time in 2...(History.limit + 20) { try history.add(failure(Int64(time), "no network")) }
        #expect(try history.entries().map(\.action) == [.deploy, .failure])
    }

    @Test("a line of a newer hostctl is no damage, and a repair leaves it; what is no JSON object goes")
    func newerLines() throws {
        let newer = #"{"format":2,"action":"conjure"}"# + "\n"
        try history.add(entry(1))
        let own = try fixture.read(Self.file)
        try fixture.write(Self.file, newer + own)
        #expect(throws: Never.self) { try history.requireReadable() }
        try fixture.write(Self.file, newer + "torn\n[1]\n" + own)
        #expect(throws: SysrootError.self) { try history.requireReadable() }
        try history.dropUnreadable()
        #expect(try fixture.read(Self.file) == newer + own)
    }

    @Test("an interrupted cleanup reads as a rollback to an older hostctl, which knows no other word for it")
    func cleanupForOlder() throws {
        let checksum = try #require(Checksum(hex: String(repeating: "a", count: 64)))
        let name = DeploymentName(stateroot: "host", checksum: checksum, serial: 0)
        let change = PendingChange(.cleanup, name, dropping: [name], kernels: ["host-1"])
        try change.save(fixture.paths)
        #expect(try PendingChange.load(fixture.paths) == change)
        let text = try fixture.read("ostree/hostctl/pending.json")
        #expect(text.contains("rollback"), "\(text)")
        #expect(!text.replacing("purpose", with: "").contains("\"action\":\"cleanup\""))
    }

    @Test("a password in a failure's address is not in what everyone may read")
    func password() throws {
        try history.add(failure(1, "cannot fetch https://me:secret@host/x: no"))
        #expect(try !fixture.read(Self.file).contains("secret"))
        var status = stat()
        #expect(stat(fixture.root.appending(Self.file).string, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o644)
    }
}
