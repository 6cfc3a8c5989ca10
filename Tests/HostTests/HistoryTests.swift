import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl history`: what survives rollbacks, damage and the loss of privileges.
@Suite struct HistoryCommandTests {
    private func actions(_ answer: JSONFields) throws -> [String] {
        try answer.objects("entries").map { try $0.string("action") }
    }

    @Test("every change and failure is told, the newest first, with its version")
    func entries() throws {
        let host = try HostFixture()
        try host.change("upgrade")
        try host.change("pin", "1")
        expect(try host.onSysroot("upgrade", "--version", "9"), 1)
        expect(try host.onSysroot("upgrade", "--version", "9"), 1)
        try host.change("rollback")
        let answer = try host.changeJSON("history")
        #expect(try actions(answer) == ["rollback", "failure", "pin", "deploy", "install"])
        let entries = try answer.objects("entries")
        #expect(try entries[3].string("version") == "2")
        #expect(try entries[3].string("deployment").hasSuffix(".0"))
        #expect(try entries[1].integer("count") == 2)
        #expect(try entries[1].string("reason").contains("no release 9"))
        let text = try host.change("history").text
        #expect(text.contains("'hostctl upgrade', 2 times in a row: there is no release 9"), "\(text)")
        #expect(try actions(host.changeJSON("history", "--limit", "2")) == ["rollback", "failure"])
        expect(try host.onSysroot("history", "--limit", "0"), 2, "--limit")
        try host.expectAgreement()
    }

    @Test("what was deployed last is what ostree admin status shows first, with the version of ostree log")
    func stock() throws {
        let host = try HostFixture()
        try host.change("upgrade")
        for entry in try host.changeJSON("history").objects("entries") {
            let name = try entry.string("deployment").split(separator: "/")[1]
            #expect(try host.sysroot.stockStatus().contains(String(name)))
            let log = try host.sysroot.ostree(
                "log", "--repo=\(host.sysroot.paths.repository)", String(name.prefix(64)))
            #expect(try log.contains("Version: \(entry.string("version"))\n"), "\(log)")
        }
        let newest = try host.changeJSON("history", "--limit", "1").objects("entries")[0]
        #expect(try newest.string("deployment").hasSuffix(host.sysroot.stockStatus()[0]))
    }

    @Test("damaged lines are named, and the rest is told to everyone")
    func damage() throws {
        let host = try HostFixture.prepared()
        let path = "ostree/hostctl/history.jsonl"
        let whole = try host.sysroot.read(path)
        try host.sysroot.write(path, "{\"broken\n\(whole)")
        let result = try host.withoutPrivileges("history")
        expect(result, 0)
        #expect(result.text.contains("line 1 of the log cannot be read"), "\(result.text)")
        #expect(result.text.contains("install"))
        #expect(try host.changeJSON("history").objects("unreadable").map { try $0.integer("line") } == [1])
    }

    @Test("a sysroot of stock tools has no history, another folder is no sysroot")
    func empty() throws {
        let sysroot = try TestSysroot.stock()
        let result = try run([BuiltProducts.hostctl, "history", "--sysroot", sysroot.root.string])
        #expect(result.text == "Nothing has been changed yet.\n")
        let folder = try TemporaryFolder()
        expect(try run([BuiltProducts.hostctl, "history", "--sysroot", folder.path.string]), 1, "is not a sysroot")
    }
}
