import Checksums
import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

@testable import OSTree

@Suite struct SysrootTests {
    private let fixture: TestSysroot
    private let sysroot: Sysroot

    init() throws {
        fixture = try TestSysroot.stock()
        sysroot = Sysroot(at: fixture.root)
    }

    private func deploy(_ image: TestImage, merging: Deployment? = nil) throws -> Deployment {
        let commit = try image.commit(to: fixture.store)
        return try sysroot.deployTree(
            commit.hex, stateroot: "host",
            origin: KeyFile([.init("origin", [(key: "refspec", value: TestImage.ref)])]), merging: merging,
            kernelArguments: merging == nil ? ["root=LABEL=root", "rw"] : nil)
    }

    @Test("a deployment is in no boot entry before it is written into the list")
    func deployWithoutWrite() throws {
        try sysroot.load()
        let new = try deploy(TestImage("1"))
        #expect(try fixture.stockStatus() == [])
        try sysroot.write([new])
        #expect(try fixture.stockStatus() == ["\(new.checksum).0"])
    }

    @Test("later versions are kept from pruning /boot before the switch, unless the operator says otherwise")
    func options() throws {
        try sysroot.load()
        let options = try #require(getenv("OSTREE_SYSROOT_OPTS").map { String(cString: $0) })
        #expect(options.split(separator: ",").map(String.init).sorted() == ["no-early-prune", "skip-sync"])
        #expect(try run(["/usr/bin/ostree", "admin", "status", "--sysroot=\(fixture.root)"]).status == 0)
    }

    @Test("a full file system is told from other failures")
    func noSpace() {
        let full = OSTreeError(operation: "x", domain: "g-io-error-quark", code: 12, message: "no space")
        #expect(full.category == .noSpace)
        #expect(full.advice != nil)
        let other = OSTreeError(operation: "x", domain: "g-io-error-quark", code: 1, message: "not found")
        #expect(other.category == .failed)
        #expect(OSTreeError(operation: "x", domain: "other", code: 12, message: "").category == .failed)
    }

    @Test("stock tools read what was deployed, with its kernel arguments and origin")
    func stockToolsAgree() throws {
        try sysroot.load()
        let new = try deploy(TestImage("1"))
        try sysroot.write([new])
        #expect(try fixture.ostree("admin", "status", "--sysroot=\(fixture.root)").contains("Version: 1"))
        #expect(
            try fixture.read("boot/loader/entries/ostree-1-host.conf").contains("options root=LABEL=root rw ostree="))
        try fixture.fsck()
    }

    @Test("writing a list leaves the folders of those that are not in it")
    func writeNeverCleans() throws {
        try sysroot.load()
        let first = try deploy(TestImage("1"))
        try sysroot.write([first])
        let second = try deploy(TestImage("2"), merging: sysroot.deployments.first)
        try sysroot.write([second])
        #expect(Files.exists(fixture.root.appending("ostree/deploy/host/deploy/\(first.checksum).0/usr/bin/x")))
        #expect(try fixture.stockStatus() == ["\(second.checksum).0"])
    }

    @Test("local changes of /etc and kernel arguments come from the merge deployment")
    func mergesEtc() throws {
        try sysroot.load()
        let first = try deploy(TestImage("1"))
        try sysroot.write([first])
        try fixture.write("ostree/deploy/host/deploy/\(first.checksum).0/etc/setting", "mine\n")
        let second = try deploy(TestImage("2"), merging: sysroot.deployments.first)
        try sysroot.write([second] + sysroot.deployments)
        #expect(try fixture.read("ostree/deploy/host/deploy/\(second.checksum).0/etc/setting") == "mine\n")
        #expect(
            try fixture.read("boot/loader/entries/ostree-2-host.conf").contains("options root=LABEL=root rw ostree="))
    }

    @Test("a pinned deployment is pinned for stock tools too, and unpinned again")
    func pins() throws {
        try sysroot.load()
        try sysroot.write([try deploy(TestImage("1"))])
        let only = try #require(sysroot.deployments.first)
        try sysroot.setPinned(only, true)
        #expect(try fixture.stockStatus() == ["\(only.checksum).0*"])
        try sysroot.load()
        try sysroot.setPinned(try #require(sysroot.deployments.first), false)
        #expect(try fixture.stockStatus() == ["\(only.checksum).0"])
    }

    @Test("a commit that is not in the store is an error with libostree's own words")
    func missingCommit() throws {
        try sysroot.load()
        let error = #expect(throws: OSTreeError.self) {
            try sysroot.deployTree(
                String(repeating: "ab", count: 32), stateroot: "host", origin: KeyFile([]), merging: nil,
                kernelArguments: [])
        }
        #expect(error?.domain == "g-io-error-quark")
        #expect(error?.message.contains("ab") == true)
    }

    @Test("a damaged boot entry makes libostree refuse the whole sysroot")
    func damagedEntry() throws {
        try sysroot.load()
        try sysroot.write([try deploy(TestImage("1"))])
        try fixture.write("boot/loader/entries/ostree-1-host.conf", "title x\n")
        // A loaded sysroot is read again only when the modification time of ostree/deploy has changed.
        #expect(throws: OSTreeError.self) { try Sysroot(at: fixture.root).load() }
    }

    @Test("libostree's lock is held by one at a time, and can be taken again after it was given back")
    func locks() throws {
        #expect(try sysroot.tryLock())
        let other = Sysroot(at: fixture.root)
        #expect(try !other.tryLock())
        sysroot.unlock()
        #expect(try other.tryLock())
        other.unlock()
    }

    @Test("a folder that is no sysroot cannot be loaded")
    func noSysroot() throws {
        let folder = try TemporaryFolder()
        #expect(throws: OSTreeError.self) { try Sysroot(at: folder.path).load() }
    }
}
