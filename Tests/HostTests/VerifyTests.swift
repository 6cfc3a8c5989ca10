import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl verify`: each test damages one thing, and the command names it.
@Suite struct VerifyTests {
    private let host: HostFixture

    init() throws { host = try HostFixture.prepared() }

    /// Runs the command; the kinds of what it found.
    private func verify(_ arguments: String..., status: Int32 = 1) throws -> [String] {
        let result = try host.hostctl(["verify", "--json", "--sysroot", host.root.string] + arguments)
        #expect(result.end == .exited(status), "\(result.text)\(result.errorText)")
        return try result.json.objects("findings").map { try $0.string("kind") }
    }

    private func object(_ text: String) throws -> FilePath { try host.sysroot.store.path(of: host.name(of: text)) }

    @Test("a healthy sysroot has nothing to tell, and is not changed")
    func healthy() throws {
        let before = try host.sysroot.snapshot(without: CleanupTests.locks)
        let answer = try host.changeJSON("verify")
        #expect(try answer.objects("findings").isEmpty)
        #expect(try answer.integer("deployments") == 2)
        #expect(try answer.integer("files") > 60)
        #expect(try answer.integer("objects") > 40)
        #expect(try host.sysroot.snapshot(without: CleanupTests.locks) == before)
        #expect(try host.change("verify").text.contains("everything is as it should be"))
    }

    @Test("an object with another byte is found, as ostree fsck finds it, and named by its path")
    func flippedByte() throws {
        try host.overwrite(try object("file 3\n"), "file 4\n")
        #expect(try verify() == ["damaged-object"])
        let text = try host.onSysroot("verify").text
        #expect(text.contains("/usr/share/same/3"), "\(text)")
        #expect(throws: CommandFailed.self) { try host.sysroot.fsck() }
    }

    @Test("an object with another mode or owner is damaged, too")
    func attributes() throws {
        #expect(chmod(try object("file 3\n").string, 0o600) == 0)
        #expect(try verify() == ["damaged-object"])
        #expect(chmod(try object("file 3\n").string, 0o644) == 0)
        #expect(chown(try object("file 3\n").string, 0, 1) == 0)
        #expect(try verify() == ["damaged-object"])
    }

    @Test("a missing object is found where stock fsck finds it", arguments: ["file", "dirmeta", "dirtree", "commit"])
    func missing(_ kind: String) throws {
        let store = try host.sysroot.store
        let commit = try host.checksum("2")
        let root = try store.commit(commit)
        let names = [
            "file": host.name(of: "file 3 of 2\n"), "dirmeta": ObjectName(root.rootMetadata, .dirmeta),
            "dirtree": ObjectName(root.rootTree, .dirtree), "commit": ObjectName(commit, .commit),
        ]
        try Files.remove(store.path(of: try #require(names[kind])))
        #expect(try verify() == ["missing-object"])
        #expect(throws: CommandFailed.self) { try host.sysroot.fsck() }
    }

    @Test(
        "a file of a deployment that was replaced, removed, added or chmodded is told; /etc and /var are the host's own"
    )
    func deploymentFiles() throws {
        let folder = try host.folder()
        for name in ["etc/hostname", "etc/new", "var/x"] {
            try Files.makeFolder(folder.appending(name).removingLastComponent())
            try Files.replace(folder.appending(name), with: [1])
        }
        #expect(try verify(status: 0) == [])
        try Files.replace(folder.appending("usr/bin/x"), with: [1])
        try Files.remove(folder.appending("usr/share/same/1"))
        try Files.replace(folder.appending("usr/share/same/extra"), with: [1])
        #expect(chmod(folder.appending("usr/share").string, 0o700) == 0)
        try Files.replace(folder.appending("usr/etc/setting"), with: [1])
        let found = try verify().sorted()
        #expect(found == ["changed-file", "changed-file", "changed-file", "extra-file", "missing-file"])
        let text = try host.onSysroot("verify").text
        for part in ["/usr/bin/x of host/", "its mode is 0700 instead of 0755", "/usr/share/same/1 of"] {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test("a file that is a copy of its object is what it should be")
    func copied() throws {
        let file = try host.folder().appending("usr/share/same/1").string
        #expect(try run(["/bin/cp", "-a", file, file + ".new"]).status == 0)
        #expect(rename(file + ".new", file) == 0)
        #expect(try verify(status: 0) == [])
    }

    @Test(
        "state files that are no longer what hostctl wrote are named",
        arguments: ["state.json", "failure.json", "pending.json", "revoked.json", "status", "history.jsonl"])
    func state(_ name: String) throws {
        try host.sysroot.write("ostree/hostctl/\(name)", "{\"format\":1,")
        #expect(try verify().contains("unreadable-state"))
        #expect(try host.onSysroot("verify").text.contains(name))
    }

    @Test("a ref that names nothing, and one that names a commit that is not there")
    func refs() throws {
        let store = try host.sysroot.store
        try Files.replace(store.path.appending("refs/heads/torn"), with: [])
        #expect(try verify() == ["damaged-ref"])
        try store.setRef("torn", to: SHA256.hash([1]))
        #expect(try verify() == ["missing-object"])
        #expect(try host.onSysroot("verify").text.contains("the ref heads/torn"))
    }

    @Test("a damaged kernel under /boot is told, and so is one that is missing")
    func kernel() throws {
        let folder = try #require(try Files.names(in: host.sysroot.paths.kernels).first)
        let path = host.sysroot.paths.kernels.appending(folder)
        let kernel = try #require(try Files.names(in: path).first { $0.hasPrefix("vmlinuz") })
        try Files.replace(path.appending(kernel), with: [1])
        #expect(try Set(verify()) == ["damaged-kernel"])
        try Files.remove(path.appending(kernel))
        #expect(try Set(verify()) == ["damaged-kernel"])
        try host.change("verify", "--repair")
        try host.expectAgreement(["2", "1"])
    }

    @Test("what a killed command has left is no damage")
    func interrupted() throws {
        for point in ["deploy.after-checkout", "deploy.before-prune", "fetch.object:5"] {
            let other = try HostFixture.prepared()
            #expect(try other.onSysroot("upgrade", environment: ["HOSTCTL_FAULT_POINT": point]).end == .signaled(9))
            #expect(try other.changeJSON("verify").objects("findings").isEmpty, "\(point)")
        }
    }

    @Test("a damaged object that nothing needs is told, a repair leaves it to the cleanup, and that removes it")
    func unneeded() throws {
        let store = try host.sysroot.store
        let path = store.path.appending("objects/ab")
        try Files.makeFolder(path)
        try Files.replace(path.appending("\(String(repeating: "0", count: 62)).dirtree"), with: [1])
        #expect(try verify() == ["damaged-object"])
        #expect(try host.onSysroot("verify").text.contains("nothing needs it"))
        #expect(try verify("--repair") == ["damaged-object"])
        try host.change("cleanup")
        #expect(try Files.names(in: path) == [])
        #expect(try verify(status: 0) == [])
    }

    @Test("without privileges the command says so, and does not call anything damaged")
    func unprivileged() throws {
        #expect(chmod(host.root.removingLastComponent().string, 0o755) == 0)
        let program = host.root.removingLastComponent().appending("hostctl-store").string
        #expect(try run(["/bin/cp", BuiltProducts.hostctlStore, program]).status == 0)
        let result = try run([
            "/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "verify",
            "--sysroot", host.root.string,
        ])
        expect(result, 1)
        #expect(result.errorText.contains("ermission denied"), "\(result.errorText)")
        #expect(result.text.isEmpty)
    }

    @Test("a sysroot of stock tools is verified as well")
    func stock() throws {
        let sysroot = try TestSysroot.stock()
        _ = try TestImage("1").commit(to: sysroot.store)
        try sysroot.stockDeploy()
        let result = try run([BuiltProducts.hostctl, "verify", "--sysroot", sysroot.root.string])
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
    }
}

extension HostFixture {
    /// The name of a file with this content, owned by root, with mode 0644.
    func name(of text: String) -> ObjectName {
        let header = FileHeader(attributes: FileAttributes(permissions: 0o644), content: .regular)
        return ObjectName(SHA256.hash(header.checksumPrefix + Array(text.utf8)), .file)
    }

    func checksum(_ version: String) throws -> Checksum { try #require(Checksum(hex: commit(version))) }

    /// Writes into a file itself, as a disk that forgets would: whoever else has linked it sees it, too.
    func overwrite(_ path: FilePath, _ text: String) throws {
        let file = try Descriptor(opening: path.string, flags: O_WRONLY | O_TRUNC)
        try file.write(Array(text.utf8))
    }
}
