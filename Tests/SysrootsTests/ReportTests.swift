import Checksums
import Glibc
import LinuxSystem
import Signatures
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

@testable import Sysroots

@Suite struct ReportTests {
    private let fixture: TestSysroot
    private let key: PrivateKey

    init() throws {
        fixture = try TestSysroot.stock()
        key = try PrivateKey.generate()
    }

    private func deploy(_ image: TestImage = TestImage("1"), signedBy keys: [PrivateKey] = []) throws -> Checksum {
        let commit = try image.commit(to: fixture.store, signedBy: keys)
        try fixture.stockDeploy()
        return commit
    }

    private func trust(_ key: PublicKey, _ name: String = "a.pem", in place: String, of commit: Checksum) throws {
        let folder = fixture.root.appending("ostree/deploy/host/deploy/\(commit.hex).0/\(place)/hostctl/trusted-keys.d")
        try Files.makeFolder(folder)
        try Files.replace(folder.appending(name), with: Array(key.pem.utf8))
    }

    private var verdict: Verdict? { SysrootReader(root: fixture.root).report().deployments.first?.verdict }

    @Test("a commit signed by a key in the deployment's /etc is trusted, with the key's id")
    func trusted() throws {
        let commit = try deploy(signedBy: [key])
        #expect(verdict == .unknownKey)
        try trust(key.publicKey, in: "etc", of: commit)
        #expect(verdict == .trusted(keyIDs: [key.publicKey.id]))
    }

    @Test("keys of the image count too, and a mask in /etc revokes them")
    func revoked() throws {
        let commit = try deploy(signedBy: [key])
        try trust(key.publicKey, in: "usr/lib", of: commit)
        #expect(verdict == .trusted(keyIDs: [key.publicKey.id]))
        let etc = fixture.root.appending("ostree/deploy/host/deploy/\(commit.hex).0/etc/hostctl/trusted-keys.d")
        try Files.makeFolder(etc)
        try Files.replace(etc.appending("a.pem"), with: [])
        #expect(verdict == .revoked(keyIDs: [key.publicKey.id]))
    }

    @Test("a commit without signatures is unsigned")
    func unsigned() throws {
        _ = try deploy()
        #expect(verdict == .unsigned)
    }

    @Test("a key file that is no key leaves signatures unjudged and says so")
    func brokenKey() throws {
        let commit = try deploy(signedBy: [key])
        let etc = fixture.root.appending("ostree/deploy/host/deploy/\(commit.hex).0/etc/hostctl/trusted-keys.d")
        try Files.makeFolder(etc)
        try Files.replace(etc.appending("a.pem"), with: Array("no key".utf8))
        let report = SysrootReader(root: fixture.root).report()
        #expect(report.deployments[0].verdict == nil)
        #expect(report.problems.map(\.kind) == [.unreadableKeys])
    }

    @Test("the booted deployment is found by the running root, whatever the command line's link names now")
    func bootedByRoot() throws {
        let first = try deploy()
        let second = try deploy(TestImage("2"))
        try Files.replace(fixture.beside("marker"), with: [])
        try Files.replace(fixture.beside("cmdline"), with: Array("quiet ostree=/ostree/boot.9/x\n".utf8))
        let folder = fixture.root.appending("ostree/deploy/host/deploy/\(first.hex).0")
        let host = RunningHost(
            marker: fixture.beside("marker"), commandLine: fixture.beside("cmdline"), root: folder,
            ostree: fixture.root.appending("ostree"))
        let report = SysrootReader(root: fixture.root, host: host).report()
        #expect(report.isRunning)
        #expect(report.booted?.checksum == first)
        #expect(report.defaultDeployment?.checksum == second)
    }

    @Test("the kernel's command line tells when the running root is no deployment's folder")
    func bootedByCommandLine() throws {
        let first = try deploy()
        let entry = try fixture.read("boot/loader/entries/ostree-1-host.conf")
        let argument = try #require(entry.split { $0 == " " || $0 == "\n" }.first { $0.hasPrefix("ostree=") })
        try Files.replace(fixture.beside("marker"), with: [])
        try Files.replace(fixture.beside("cmdline"), with: Array("quiet \(argument)\n".utf8))
        let host = RunningHost(
            marker: fixture.beside("marker"), commandLine: fixture.beside("cmdline"), root: "/",
            ostree: fixture.root.appending("ostree"))
        #expect(SysrootReader(root: fixture.root, host: host).report().booted?.checksum == first)
    }

    @Test("nothing is booted in a sysroot that is not the running one")
    func notRunning() throws {
        _ = try deploy()
        try Files.replace(fixture.beside("marker"), with: [])
        let host = RunningHost(marker: fixture.beside("marker"))
        let report = SysrootReader(root: fixture.root, host: host).report()
        #expect(!report.isRunning)
        #expect(report.booted == nil)
    }

    @Test("the JSON of a report, damage and all, reads back as the same report")
    func jsonRoundTrip() throws {
        let commit = try deploy(signedBy: [key])
        try trust(key.publicKey, in: "etc", of: commit)
        try fixture.stockDeploy(arguments: ["--karg-append=quiet"])
        try fixture.write("ostree/deploy/host/deploy/\(commit.hex).1.origin", "[origin]\nrefs")
        try Files.makeFolder(fixture.paths.state)
        try SysrootState(origin: "http://host/", channel: "test/stable", architecture: "x86_64").save(fixture.paths)
        try FailureRecord(time: 5, command: "hostctl upgrade", reason: "no luck", advice: "try again").save(
            fixture.paths)
        let report = SysrootReader(root: fixture.root).report()
        #expect(!report.allProblems.isEmpty)
        let fields = try JSONFields(strict: report.json.encode(), what: "report")
        #expect(try SysrootReport(fields) == report)
    }

    @Test("who may not read the store gets the status file's report, with its time")
    func unprivileged() throws {
        _ = try deploy()
        try Files.makeFolder(fixture.paths.state)
        let reader = SysrootReader(root: fixture.root)
        try StatusFile(fixture.paths).write(reader.report())
        let report = reader.report(isReadable: false)
        #expect(report.writtenAt != nil)
        #expect(report.deployments.map(\.version) == ["1"])
        var status = try Descriptor(opening: fixture.paths.state.appending("status").string).status()
        #expect(status.st_mode & 0o777 == 0o644)
        status = try Descriptor(opening: fixture.paths.state.string).status()
        #expect(status.st_mode & 0o005 == 0o005)
    }

    @Test("without a status file, who may not read the store still sees the boot entries")
    func unprivilegedWithoutStatus() throws {
        let commit = try deploy()
        #expect(SysrootReader(root: fixture.root).report(isReadable: false).deployments.map(\.checksum) == [commit])
    }

    @Test(
        "a password in an origin's address does not get into the world-readable status file",
        arguments: [
            ("https://me:secret@host/path", "https://host/path"), ("https://host/a@b", "https://host/a@b"),
            ("cannot fetch https://u:p@h/x: no", "cannot fetch https://h/x: no"), ("/srv/origin", "/srv/origin"),
        ])
    func noPasswords(_ text: String, _ expected: String) throws {
        #expect(StatusFile.withoutPasswords(in: text) == expected)
    }

    @Test("the history keeps the newest entries, and damaged lines do not hide the others")
    func history() throws {
        try Files.makeFolder(fixture.paths.state)
        let history = History(fixture.paths)
        try fixture.write("ostree/hostctl/history.jsonl", "{broken\n")
        for number in 1...3 {
            try history.add(
                HistoryEntry(time: Int64(number), command: "c", action: .deploy, deployment: "d", version: nil))
        }
        #expect(try history.entries().map(\.time) == [1, 2, 3])
        let line = String(decoding: try history.entries()[0].json.encode(), as: UTF8.self)
        try fixture.write("ostree/hostctl/history.jsonl", String(repeating: line + "\n", count: History.limit + 20))
        try history.add(HistoryEntry(time: 9, command: "c", action: .pin, deployment: "d", version: "1"))
        #expect(try history.entries().count == History.limit)
        #expect(try history.entries().last?.time == 9)
    }

    @Test("a pending change that names a path outside the deployments is refused", arguments: ["..", "a/../../b", ""])
    func hostilePendingChange(_ name: String) throws {
        try Files.makeFolder(fixture.paths.state)
        let hex = String(repeating: "a", count: 64)
        try fixture.write(
            "ostree/hostctl/pending.json",
            "{\"format\":1,\"action\":\"deploy\",\"target\":\"\(name)/\(hex).0\",\"dropping\":[],\"kernels\":[]}")
        #expect(throws: SysrootError.self) { try PendingChange.load(fixture.paths) }
    }
}
