import Checksums
import Deployments
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// What is refused, each leaving the sysroot as it was.
@Suite struct RefusalTests {
    private let host: DeploymentFixture

    init() throws {
        host = try DeploymentFixture()
        try host.deploy("1")
        try host.deploy("2")
    }

    private func expectUntouched(_ body: () throws -> Void) throws {
        let before = try host.fixture.snapshot(without: ["/ostree/hostctl/lock"])
        try body()
        #expect(try host.fixture.snapshot(without: ["/ostree/hostctl/lock"]) == before)
    }

    private func expectRefused(_ commit: Checksum, _ matches: (any Error) -> Bool) throws {
        try expectUntouched {
            let error = #expect(throws: (any Error).self) {
                try host.change().deploy(DeployRequest(commit: commit, refspec: TestImage.ref))
            }
            #expect(error.map(matches) == true, "\(error.map { "\($0)" } ?? "nothing was thrown")")
        }
        try host.expectAgreement()
    }

    private func isNotDeployable(_ error: any Error) -> Bool {
        if case .notDeployable? = error as? DeploymentError { true } else { false }
    }

    @Test(
        "an image that libostree could deploy only half-way is refused before the first write",
        arguments: [
            ["usr/lib/modules/6.1.0/vmlinuz"],
            ["usr/lib/modules/6.1.0/vmlinuz", "usr/lib/modules/6.1.0/initramfs.img"],
            ["usr/lib/os-release"],
        ])
    func incomplete(_ missing: [String]) throws {
        var image = TestImage("3")
        image.missing = missing
        try expectRefused(try image.commit(to: host.fixture.store), isNotDeployable)
    }

    @Test("an image with two kernels is refused: libostree would take either")
    func twoKernels() throws {
        var image = TestImage("3")
        image.files["usr/lib/modules/6.2.0/vmlinuz"] = "second"
        try expectRefused(try image.commit(to: host.fixture.store), isNotDeployable)
    }

    @Test("an image with an /etc beside /usr/etc is refused")
    func twoEtcs() throws {
        var image = TestImage("3")
        image.files["etc/x"] = "x"
        try expectRefused(try image.commit(to: host.fixture.store), isNotDeployable)
    }

    @Test("a commit that is not in the store is refused")
    func missingCommit() throws {
        let unknown = SHA256.hash([1, 2, 3])
        try expectRefused(unknown) { $0 as? StoreError == .missing(ObjectName(unknown, .commit)) }
    }

    @Test(
        "a commit of which one file is missing is refused",
        arguments: ["usr/bin/x", "usr/etc/setting", "usr/lib/modules/6.1.0/vmlinuz"])
    func missingFile(_ path: String) throws {
        var image = TestImage("3")
        image.files[path] = "only in this image"
        let store = try host.fixture.store
        let commit = try image.commit(to: store)
        let file = try #require(try store.file(at: path, in: commit))
        let object = store.path(of: ObjectName(file, .file))
        let bytes = try Files.read(object, limit: 1 << 20)
        try Files.remove(object)
        try expectUntouched {
            #expect(throws: StoreError.missing(ObjectName(file, .file))) {
                try host.change().deploy(DeployRequest(commit: commit, refspec: TestImage.ref))
            }
        }
        try Files.create(object, bytes: bytes, mode: 0o644)
        try host.expectAgreement()
    }

    @Test("a damaged origin file: libostree gives up, so nothing is written")
    func damagedOrigin() throws {
        let record = try #require(host.report.listed.last)
        try host.fixture.write("\(host.folder(record)).origin", "[orig")
        let commit = try TestImage("3").commit(to: host.fixture.store)
        try expectViewsDiffer(commit)
    }

    private func expectViewsDiffer(_ commit: Checksum? = nil) throws {
        let commit = try commit ?? TestImage("3").commit(to: host.fixture.store)
        try expectUntouched {
            let error = #expect(throws: DeploymentError.self) {
                try host.change().deploy(DeployRequest(commit: commit, refspec: TestImage.ref, stateroot: "host"))
            }
            guard case .viewsDiffer? = error else {
                Issue.record("not refused for the right reason: \(String(describing: error))")
                return
            }
            #expect(throws: DeploymentError.self) { try host.change().rollback() }
            #expect(throws: DeploymentError.self) { try host.change().setPinned(0, true) }
        }
    }

    @Test("lost boot entries: libostree sees no deployment, so nothing is written")
    func lostEntries() throws {
        try Files.remove(host.paths.loader)
        try expectViewsDiffer()
        #expect(host.report.deployments.count == 2)
    }

    @Test("one lost boot entry: the deployment behind it is not forgotten")
    func oneLostEntry() throws {
        try Files.remove(host.paths.bootEntries.appending("ostree-1-host.conf"))
        try expectViewsDiffer()
    }

    @Test("a truncated boot entry")
    func truncatedEntry() throws {
        try host.fixture.write("boot/loader/entries/ostree-1-host.conf", "title Te")
        try expectViewsDiffer()
    }

    @Test("two boot entries for one deployment")
    func duplicateEntry() throws {
        let entry = try host.fixture.read("boot/loader/entries/ostree-2-host.conf")
        try host.fixture.write("boot/loader/entries/ostree-3-host.conf", entry)
        try expectViewsDiffer()
    }

    @Test("a missing deployment folder")
    func missingFolder() throws {
        let record = try #require(host.report.listed.last)
        try Files.removeTree(host.root.appending(host.folder(record)))
        try expectViewsDiffer()
    }

    @Test("an unreadable pending change: nothing is removed on its word")
    func damagedPendingChange() throws {
        try host.fixture.write("ostree/hostctl/pending.json", "{\"format\":1,\"action\":\"dep")
        let before = try host.fixture.snapshot(without: ["/ostree/hostctl/lock"])
        #expect(throws: SysrootError.self) { _ = try host.change() }
        #expect(try host.fixture.snapshot(without: ["/ostree/hostctl/lock"]) == before)
    }

    @Test("a half checkout of a stock tool is neither in the way nor removed")
    func foreignHalfCheckout() throws {
        let stray = host.paths.deployments(of: "host").appending("\(SHA256.hash([9]).hex).0")
        try Files.makeFolder(stray)
        try host.deploy("3")
        #expect(Files.exists(stray))
        #expect(host.versions == ["3", "2"])
    }

    @Test("an image whose key folder is a link cannot make us write elsewhere", arguments: ["", "/trusted-keys.d"])
    func linkedKeyFolder(_ part: String) throws {
        let outside = host.fixture.beside("outside")
        try Files.makeFolder(outside.appending("trusted-keys.d"))
        var image = TestImage("3")
        image.links["usr/etc/hostctl\(part)"] = outside.string
        let versions = host.versions
        #expect(throws: DeploymentError.self) { try host.deploy(image, keys: [(name: "a.pem", pem: "x")]) }
        #expect(try Files.names(in: outside) == ["trusted-keys.d"])
        #expect(try Files.names(in: outside.appending("trusted-keys.d")) == [])
        #expect(host.versions == versions)
    }

    @Test("a kernel that is a link is refused")
    func linkedKernel() throws {
        var image = TestImage("3")
        image.missing = ["usr/lib/modules/6.1.0/vmlinuz"]
        image.links["usr/lib/modules/6.1.0/vmlinuz"] = "/etc/passwd"
        let versions = host.versions
        let error = #expect(throws: DeploymentError.self) { try host.deploy(image) }
        guard case .notDeployable? = error else { return _ = Issue.record("\(String(describing: error))") }
        #expect(host.versions == versions)
    }

    @Test("a turn that cannot begin is remembered, and pinning does not clear that")
    func rememberedFailure() throws {
        let error = DeploymentError.viewsDiffer(detail: "a test")
        try SysrootChange.remember(error, command: "hostctl rollback", paths: host.paths)
        #expect(host.report.lastFailure?.reason == error.reason)
        #expect(host.report.lastFailure?.command == "hostctl rollback")
        _ = try host.change().setPinned(0, true)
        #expect(host.report.lastFailure != nil)
        _ = try host.change().setPinned(0, false)
        _ = try host.change().rollback()
        #expect(host.report.lastFailure == nil)
        try SysrootChange.remember(LockedError(path: "x", holder: nil), command: "hostctl pin", paths: host.paths)
        #expect(host.report.lastFailure == nil)
    }

    @Test("a failure that cannot be recorded does not hide the failure of the change")
    func unrecordedFailure() throws {
        let change = try host.change()
        // A folder in its place: the record cannot be renamed over it.
        try Files.makeFolder(host.paths.state.appending("failure.json/x"))
        #expect(throws: Never.self) { try change.recordFailure(DeploymentError.noRollback) }
    }

    @Test("a folder that is no sysroot")
    func noSysroot() throws {
        let folder = try TemporaryFolder()
        #expect(throws: DeploymentError.notASysroot(path: folder.path.string)) {
            _ = try SysrootChange(root: folder.path, command: "hostctl upgrade")
        }
        #expect(try Files.names(in: folder.path) == [])
    }

    @Test("a full /boot is noticed before the first write, unless the kernel is there already")
    func smallBoot() throws {
        let small = host.fixture.beside("boot")
        try Files.makeFolder(small)
        try #require(mount("tmpfs", small.string, "tmpfs", 0, "size=1536k") == 0)
        defer { umount2(small.string, Int32(MNT_DETACH)) }
        let root = try TestSysroot()
        try symlinkBoot(root, small)
        try SysrootChange.initialize(root: root.root, stateroot: "host")
        var image = TestImage("1")
        image.kernel = String(repeating: "k", count: 200_000)
        let commit = try image.commit(to: root.store)
        let request = DeployRequest(commit: commit, refspec: TestImage.ref, stateroot: "host")
        _ = try SysrootChange(root: root.root, command: "hostctl install").deploy(request)

        image.version = "2"
        let same = try image.commit(to: root.store)
        _ = try SysrootChange(root: root.root, command: "hostctl upgrade").deploy(
            DeployRequest(commit: same, refspec: TestImage.ref))

        image.kernel = String(repeating: "l", count: 900_000)
        let larger = try image.commit(to: root.store)
        let before = try root.snapshot(without: ["/ostree/hostctl/lock"])
        let error = #expect(throws: DeploymentError.self) {
            try SysrootChange(root: root.root, command: "hostctl upgrade").deploy(
                DeployRequest(commit: larger, refspec: TestImage.ref))
        }
        guard case .notEnoughSpace? = error else { return _ = Issue.record("\(String(describing: error))") }
        #expect(error?.category == .noSpace)
        #expect(try root.snapshot(without: ["/ostree/hostctl/lock"]) == before)
    }

    private func symlinkBoot(_ sysroot: TestSysroot, _ target: FilePath) throws {
        try Files.replaceLink(sysroot.paths.boot, target: target.string)
    }
}
