import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// Each test damages a sysroot that stock tools have made; the reader must tell, and must not touch anything.
@Suite struct DamageTests {
    private let fixture: TestSysroot
    private let first: Checksum
    private let second: Checksum

    init() throws {
        fixture = try TestSysroot.stock()
        first = try TestImage("1").commit(to: fixture.store)
        try fixture.stockDeploy(arguments: ["--karg=root=LABEL=root"])
        var image = TestImage("2")
        image.kernel = "another kernel"
        second = try image.commit(to: fixture.store)
        try fixture.stockDeploy()
    }

    private func report() throws -> SysrootReport {
        let before = try fixture.snapshot()
        let report = SysrootReader(root: fixture.root).report()
        #expect(try fixture.snapshot() == before)
        return report
    }

    private func kinds(_ report: SysrootReport) -> [SysrootProblem.Kind] { report.allProblems.map(\.kind) }

    private func folder(_ checksum: Checksum) -> String { "ostree/deploy/host/deploy/\(checksum.hex).0" }

    @Test("a healthy sysroot has no problems and the order of the stock tools")
    func healthy() throws {
        let report = try report()
        #expect(kinds(report) == [])
        #expect(report.deployments.map(\.checksum) == [second, first])
        #expect(report.deployments.map(\.version) == ["2", "1"])
        #expect(report.defaultDeployment?.kernelArguments == ["root=LABEL=root"])
        #expect(try fixture.stockStatus() == fixture.ownStatus())
    }

    @Test("lost boot entries: both deployments are still shown")
    func missingLoader() throws {
        try Files.removeTree(fixture.root.appending("boot/loader"))
        let report = try report()
        #expect(Set(report.deployments.map(\.checksum)) == [first, second])
        #expect(report.listed.isEmpty)
        #expect(kinds(report).contains(.missingBootEntries))
        #expect(kinds(report).filter { $0 == .unlistedFolder }.count == 2)
    }

    @Test("a loader link that leads nowhere")
    func danglingLoader() throws {
        try Files.replaceLink(fixture.root.appending("boot/loader"), target: "loader.7")
        let report = try report()
        #expect(report.deployments.count == 2)
        #expect(kinds(report).contains(.missingBootEntries))
    }

    @Test(
        "a truncated origin file costs one record its origin, not the sysroot",
        arguments: ["", "[ori", "[origin]\nrefs", "[origin]\n", "refspec=x\n"])
    func truncatedOrigin(_ content: String) throws {
        try fixture.write("\(folder(first)).origin", content)
        let report = try report()
        #expect(report.deployments.count == 2)
        #expect(report.deployments[1].problems.map(\.kind).contains(.damagedOrigin))
        #expect(report.deployments[1].version == "1")
        #expect(report.deployments[0].problems.isEmpty)
    }

    @Test("an origin file that is cut off in its last line still gives what it has, and is called damaged")
    func originWithoutEnd() throws {
        try fixture.write("\(folder(first)).origin", "[origin]\nrefspec=test/sta")
        let record = try report().deployments[1]
        #expect(record.refspec == "test/sta")
        #expect(record.problems.map(\.kind) == [.damagedOrigin])
    }

    @Test("an origin file of random bytes")
    func binaryOrigin() throws {
        try Files.replace(
            fixture.root.appending("\(folder(first)).origin"), with: [0xff, 0x00, 0x0a, 0xfe, 0x3d, 0x0a])
        #expect(try report().deployments[1].problems.map(\.kind).contains(.damagedOrigin))
    }

    @Test("a missing origin file")
    func missingOrigin() throws {
        try Files.remove(fixture.root.appending("\(folder(second)).origin"))
        let report = try report()
        #expect(report.deployments[0].problems.map(\.kind) == [.damagedOrigin])
        #expect(report.deployments[0].isDefault)
    }

    @Test("a missing deployment folder keeps its place in the order")
    func missingFolder() throws {
        try Files.removeTree(fixture.root.appending(folder(second)))
        let report = try report()
        #expect(report.deployments.map(\.checksum) == [second, first])
        #expect(report.deployments[0].problems.map(\.kind).contains(.missingFolder))
    }

    @Test("a deployment that no boot entry leads to comes last")
    func lostEntry() throws {
        try Files.remove(fixture.root.appending("boot/loader/entries/ostree-2-host.conf"))
        let report = try report()
        #expect(report.deployments.map(\.checksum) == [first, second])
        #expect(report.deployments.map(\.isListed) == [true, false])
        #expect(kinds(report) == [.unlistedFolder])
    }

    @Test("two boot entries for one deployment count once")
    func duplicateEntry() throws {
        let entry = try fixture.read("boot/loader/entries/ostree-2-host.conf")
        try fixture.write("boot/loader/entries/ostree-9-host.conf", entry)
        let report = try report()
        #expect(report.listed.map(\.checksum) == [second, first])
        #expect(kinds(report) == [.duplicateBootEntry])
    }

    @Test(
        "a boot entry that cannot be used is named, and the other one still counts",
        arguments: [
            "", "title x\nversion 2\n", "title x\nversion 2\noptions quiet\n",
            "version 2\noptions ostree=/etc/passwd\n",
            "version 2\noptions ostree=/ostree/boot.1/../../../etc/0\n",
        ])
    func unusableEntry(_ content: String) throws {
        try fixture.write("boot/loader/entries/ostree-2-host.conf", content)
        let report = try report()
        #expect(report.listed.map(\.checksum) == [first])
        #expect(kinds(report).contains(.damagedBootEntry))
        #expect(report.deployments.count == 2)
    }

    @Test("a boot entry whose link is gone")
    func danglingLink() throws {
        let entry = try fixture.read("boot/loader/entries/ostree-2-host.conf")
        let link = try #require(entry.split(separator: " ").first { $0.hasPrefix("ostree=") }).dropFirst(8)
        try Files.remove(fixture.root.appending(String(link.prefix { $0 != "\n" })))
        let report = try report()
        #expect(kinds(report).contains(.danglingBootLink))
        #expect(report.listed.map(\.checksum) == [first])
    }

    @Test("boot entries of other systems are none of ours")
    func foreignEntries() throws {
        try fixture.write("boot/loader/entries/windows.conf", "title Windows\nefi /EFI/x.efi\n")
        #expect(kinds(try report()) == [])
    }

    @Test("a commit with a flipped bit is unreadable, not shown")
    func damagedCommit() throws {
        let path = try fixture.store.path(of: ObjectName(second, .commit))
        var bytes = try Files.read(path, limit: 1 << 20)
        bytes[bytes.count / 2] ^= 1
        try Files.replace(path, with: bytes)
        let report = try report()
        #expect(report.deployments[0].problems.map(\.kind) == [.unreadableCommit])
        #expect(report.deployments[0].verdict == nil)
        #expect(report.deployments[1].version == "1")
    }

    @Test("a missing commit")
    func missingCommit() throws {
        try Files.remove(fixture.store.path(of: ObjectName(second, .commit)))
        #expect(try report().deployments[0].problems.map(\.kind) == [.unreadableCommit])
    }

    @Test("a store without its configuration: deployments are shown, commits are not")
    func damagedStore() throws {
        try Files.remove(fixture.paths.repository.appending("config"))
        let report = try report()
        #expect(report.deployments.count == 2)
        #expect(kinds(report) == [.unreadableFolder])
    }

    @Test(
        "files of our own state that are no JSON are problems, not failures", arguments: ["state.json", "failure.json"])
    func damagedState(_ name: String) throws {
        try Files.makeFolder(fixture.paths.state)
        try fixture.write("ostree/hostctl/\(name)", "{\"format\":1,")
        let report = try report()
        #expect(kinds(report) == [.unreadableState])
        #expect(report.deployments.count == 2)
    }

    @Test("state of a newer format is a problem, not misread")
    func newerState() throws {
        try Files.makeFolder(fixture.paths.state)
        try fixture.write("ostree/hostctl/state.json", "{\"format\":2,\"origin\":\"x\"}")
        #expect(kinds(try report()) == [.unreadableState])
    }

    @Test("stray names among the deployments are passed over")
    func strayNames() throws {
        try Files.makeFolder(fixture.root.appending("ostree/deploy/host/deploy/abc.0"))
        try Files.makeFolder(fixture.root.appending("ostree/deploy/host/deploy/\(first.hex).01"))
        try fixture.write("ostree/deploy/README", "x")
        #expect(kinds(try report()) == [])
    }

    @Test("an empty folder is no sysroot and has nothing to report")
    func empty() throws {
        let empty = try TestSysroot()
        let reader = SysrootReader(root: empty.root)
        #expect(!reader.isSysroot)
        #expect(reader.report().deployments.isEmpty)
    }

    @Test("a sysroot without deployments has no problems")
    func withoutDeployments() throws {
        let fresh = try TestSysroot.stock()
        #expect(SysrootReader(root: fresh.root).report().allProblems == [])
    }
}
