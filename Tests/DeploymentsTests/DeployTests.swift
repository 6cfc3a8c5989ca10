import Checksums
import Deployments
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Signatures
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

@Suite struct DeployTests {
    private let host: DeploymentFixture

    init() throws { host = try DeploymentFixture() }

    @Test("a new sysroot is stock, empty, and no boot loader is run behind our back")
    func initialize() throws {
        try host.expectAgreement()
        #expect(
            try host.fixture.ostree("config", "--repo=\(host.paths.repository)", "get", "sysroot.bootloader")
                == "none\n")
        #expect(try Descriptor(opening: host.paths.repository.string).status().st_mode & 0o777 == 0o700)
        #expect(Files.isFolder(host.root.appending("ostree/deploy/host/var/tmp")))
    }

    @Test("a cleanup drops no deployment when something runs and it cannot be told what")
    func cleanupOfUnknownBoot() throws {
        try host.deploy("1")
        _ = try host.change().setPinned(0, true)
        for version in ["2", "3"] { try host.deploy(version) }
        _ = try host.change().setPinned(2, false)
        try host.fixture.write("marker", "")
        try host.fixture.write("cmdline", "quiet\n")
        let running = RunningHost(
            marker: host.root.appending("marker"), commandLine: host.root.appending("cmdline"), root: "/",
            ostree: host.root.appending("ostree"))
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup", host: running)
        #expect(host.versions == ["3", "2", "1"])
        _ = try SysrootChange.cleanUp(root: host.root, command: "hostctl cleanup")
        #expect(host.versions == ["3", "2"])
    }

    @Test("initializing again is fine while there is no deployment, and refused afterwards")
    func initializeTwice() throws {
        try SysrootChange.initialize(root: host.root, stateroot: "host")
        try host.deploy("1")
        let before = try host.fixture.snapshot()
        #expect(throws: DeploymentError.alreadyInstalled(path: host.root.string)) {
            try SysrootChange.initialize(root: host.root, stateroot: "other")
        }
        #expect(try host.fixture.snapshot() == before)
    }

    @Test("a stateroot's name cannot lead out of its folder", arguments: ["", ".", "..", "a/b", "../x", "-x", "a b"])
    func staterootNames(_ name: String) throws {
        #expect(throws: DeploymentError.invalidName(name)) {
            try SysrootChange.initialize(root: host.root, stateroot: name)
        }
    }

    @Test("the first deployment: stock tools, our reader and the origin file agree")
    func first() throws {
        let record = try host.deploy(TestImage("1"), kernelArguments: ["root=LABEL=root", "rw"])
        try host.expectAgreement()
        #expect(record.isDefault)
        #expect(record.kernelArguments == ["root=LABEL=root", "rw"])
        #expect(record.command == "hostctl test")
        #expect(record.channel == "test/stable")
        #expect(record.deployedAt != nil)
        let status = try host.fixture.ostree("admin", "status", "--sysroot=\(host.root)")
        #expect(status.contains("origin refspec: test/stable/x86_64"))
        #expect(status.contains("Version: 1"))
    }

    @Test("an upgrade keeps the previous default as rollback, and the next one drops the oldest")
    func upgrades() throws {
        try host.deploy("1")
        try host.deploy("2")
        try host.expectAgreement()
        #expect(host.versions == ["2", "1"])
        try host.deploy("3")
        try host.expectAgreement()
        #expect(host.versions == ["3", "2"])
    }

    @Test("objects of dropped deployments leave the store, those of the others stay")
    func garbage() throws {
        let first = try host.deploy("1")
        try host.deploy("2")
        let third = try host.deploy("3")
        let store = try host.fixture.store
        #expect(!store.contains(ObjectName(first.checksum, .commit)))
        #expect(store.contains(ObjectName(third.checksum, .commit)))
    }

    @Test("the same commit can be deployed again, beside itself")
    func sameCommit() throws {
        let first = try host.deploy("1")
        let second = try host.deploy("1")
        #expect(second.name.serial == 1)
        #expect(first.checksum == second.checksum)
        try host.expectAgreement()
        try host.deploy("1")
        try host.expectAgreement()
        #expect(host.report.listed.map(\.name.serial) == [2, 1])
    }

    @Test("local changes of /etc, added and removed files survive upgrades")
    func etc() throws {
        let first = try host.deploy("1")
        try host.fixture.write("\(host.folder(first))/etc/setting", "mine\n")
        try host.fixture.write("\(host.folder(first))/etc/added", "new\n")
        try Files.remove(host.root.appending("\(host.folder(first))/etc/hostname"))
        var image = TestImage("2")
        image.files["usr/etc/setting"] = "the image's new default\n"
        let second = try host.deploy(image)
        #expect(try host.fixture.read("\(host.folder(second))/etc/setting") == "mine\n")
        #expect(try host.fixture.read("\(host.folder(second))/etc/added") == "new\n")
        #expect(!Files.exists(host.root.appending("\(host.folder(second))/etc/hostname")))
        let third = try host.deploy("3")
        #expect(try host.fixture.read("\(host.folder(third))/etc/setting") == "mine\n")
    }

    @Test("keys given at installation are trusted, and still are after an upgrade")
    func trustedKeys() throws {
        let key = try PrivateKey.generate()
        let commit = try TestImage("1").commit(to: host.fixture.store, signedBy: [key])
        let request = DeployRequest(
            commit: commit, refspec: TestImage.ref, stateroot: "host",
            trustedKeys: [(name: "operator.pem", pem: key.publicKey.pem)])
        #expect(try host.change().deploy(request).verdict == .trusted(keyIDs: [key.publicKey.id]))
        let next = try TestImage("2").commit(to: host.fixture.store, signedBy: [key])
        let record = try host.change().deploy(DeployRequest(commit: next, refspec: TestImage.ref))
        #expect(record.verdict == .trusted(keyIDs: [key.publicKey.id]))
        try host.expectAgreement()
    }

    @Test("a key that is masked stays revoked after a rollback to an /etc without the mask")
    func revokedKeys() throws {
        let key = try PrivateKey.generate()
        for version in ["1", "2"] {
            var image = TestImage(version)
            image.files["usr/lib/hostctl/trusted-keys.d/release.pem"] = key.publicKey.pem
            let commit = try image.commit(to: host.fixture.store, signedBy: [key])
            let request = DeployRequest(commit: commit, refspec: TestImage.ref, stateroot: "host")
            #expect(try host.change().deploy(request).verdict == .trusted(keyIDs: [key.publicKey.id]))
        }
        let current = host.folder(try #require(host.report.defaultDeployment))
        try Files.makeFolder(host.root.appending("\(current)/etc/hostctl/trusted-keys.d"))
        try host.fixture.write("\(current)/etc/hostctl/trusted-keys.d/release.pem", "")

        let record = try host.change().rollback()
        #expect(record.version == "1")
        #expect(!Files.exists(host.root.appending("\(host.folder(record))/etc/hostctl/trusted-keys.d/release.pem")))
        #expect(record.verdict == .revoked(keyIDs: [key.publicKey.id]))
        #expect(try SysrootReader(root: host.root).trustedKeys().keys.isEmpty)
        #expect(try RevokedKeys.load(host.paths).keys == [key.publicKey])
    }

    @Test("a damaged list of revoked keys trusts nobody and keeps nobody from a rollback")
    func damagedRevocations() throws {
        try host.deploy("1")
        try host.deploy("2")
        for text in ["{", "{\"format\":1,\"keys\":[\"x\"]}"] {
            try host.fixture.write("ostree/hostctl/revoked.json", text)
            #expect(throws: SysrootError.self) { try SysrootReader(root: host.root).trustedKeys() }
            #expect(host.report.problems.map(\.kind) == [.unreadableKeys])
            _ = try host.change().rollback()
        }
    }

    @Test("a key file's name cannot lead out of the key folder", arguments: ["../x.pem", "x", ".x.pem", "a/b.pem"])
    func keyNames(_ name: String) throws {
        let before = try host.fixture.snapshot(without: ["/ostree/repo"])
        #expect(throws: DeploymentError.invalidName(name)) {
            try host.deploy(TestImage("1"), keys: [(name: name, pem: "x")])
        }
        #expect(
            try host.fixture.snapshot(without: ["/ostree/repo", "/ostree/hostctl"])
                == before.filter { !$0.hasPrefix("/ostree/hostctl") })
    }

    @Test("kernel arguments: the operator's stay, the image's follow the image")
    func kernelArguments() throws {
        var image = TestImage("1")
        image.kernelArguments = ["quiet", "old=1"]
        #expect(
            try host.deploy(image, kernelArguments: ["root=LABEL=x"]).kernelArguments == [
                "quiet", "old=1", "root=LABEL=x",
            ])
        image = TestImage("2")
        image.kernelArguments = ["quiet", "new=1"]
        #expect(try host.deploy(image).kernelArguments == ["quiet", "root=LABEL=x", "new=1"])
        #expect(try host.deploy("3").kernelArguments == ["root=LABEL=x"])
        try host.expectAgreement()
    }

    @Test("a kernel that nobody boots any more leaves /boot, a shared one stays")
    func kernels() throws {
        try host.deploy("1")
        var image = TestImage("2")
        image.kernel = "newer"
        try host.deploy(image)
        #expect(try Files.names(in: host.paths.kernels).count == 2)
        image.version = "3"
        try host.deploy(image)
        #expect(try Files.names(in: host.paths.kernels).count == 1)
        try host.expectAgreement()
    }

    @Test("a pinned deployment survives upgrades until it is unpinned")
    func pinning() throws {
        try host.deploy("1")
        #expect(try host.change().setPinned(0, true).isPinned)
        try host.expectAgreement()
        for version in ["2", "3", "4"] { try host.deploy(version) }
        #expect(host.versions == ["4", "3", "1"])
        try host.expectAgreement()
        #expect(try !host.change().setPinned(2, false).isPinned)
        try host.deploy("5")
        #expect(host.versions == ["5", "4"])
        try host.expectAgreement()
    }

    @Test("pinning a deployment that does not exist changes nothing", arguments: [-1, 2, 99])
    func pinNothing(_ index: Int) throws {
        try host.deploy("1")
        let before = try host.fixture.snapshot(without: ["/ostree/hostctl"])
        #expect(throws: DeploymentError.unknownDeployment(String(index))) { try host.change().setPinned(index, true) }
        #expect(try host.fixture.snapshot(without: ["/ostree/hostctl"]) == before)
    }

    @Test("rollback swaps the two, again swaps them back")
    func rollback() throws {
        try host.deploy("1")
        try host.deploy("2")
        #expect(try host.change().rollback().version == "1")
        #expect(host.versions == ["1", "2"])
        try host.expectAgreement()
        #expect(try host.change().rollback().version == "2")
        #expect(host.versions == ["2", "1"])
        try host.expectAgreement()
    }

    @Test("rollback with a pinned third swaps only the first two")
    func rollbackPinned() throws {
        try host.deploy("1")
        _ = try host.change().setPinned(0, true)
        try host.deploy("2")
        try host.deploy("3")
        #expect(try host.change().rollback().version == "2")
        #expect(host.versions == ["2", "3", "1"])
        try host.expectAgreement()
    }

    @Test("an upgrade after a rollback keeps what was rolled back to")
    func upgradeAfterRollback() throws {
        try host.deploy("1")
        try host.deploy("2")
        _ = try host.change().rollback()
        try host.deploy("3")
        #expect(host.versions == ["3", "1"])
        try host.expectAgreement()
    }

    @Test("with one deployment there is nothing to roll back to")
    func noRollback() throws {
        #expect(throws: DeploymentError.noRollback) { try host.change().rollback() }
        try host.deploy("1")
        let before = try host.fixture.snapshot(without: ["/ostree/hostctl"])
        #expect(throws: DeploymentError.noRollback) { try host.change().rollback() }
        #expect(try host.fixture.snapshot(without: ["/ostree/hostctl"]) == before)
    }

    @Test("every change is in the history and the status file")
    func records() throws {
        let record = try host.deploy("1")
        let change = try host.change("hostctl upgrade")
        try change.recordFailure(DeploymentError.noRollback)
        #expect(host.report.lastFailure?.command == "hostctl upgrade")
        _ = try change.setPinned(0, true)
        let entries = try History(host.paths).entries()
        #expect(entries.map(\.action) == [.install, .failure, .pin])
        #expect(entries[1].reason == DeploymentError.noRollback.reason)
        #expect(entries.last?.command == "hostctl upgrade")
        #expect(entries.last?.deployment == record.name.description)
        #expect(try host.fixture.read("ostree/hostctl/status").contains(record.checksum.hex))
    }

    @Test("stock tools can deploy and clean up in between, and we go on")
    func stockInBetween() throws {
        try host.deploy("1")
        _ = try TestImage("2").commit(to: host.fixture.store)
        try host.fixture.stockDeploy()
        #expect(host.versions == ["2", "1"])
        try host.fixture.ostree("admin", "cleanup", "--sysroot=\(host.root)")
        try host.deploy("3")
        #expect(host.versions == ["3", "2"])
        try host.expectAgreement()
        try host.fixture.ostree("admin", "cleanup", "--sysroot=\(host.root)")
        #expect(host.versions == ["3", "2"])
        #expect(host.report.allProblems == [])
        try host.fixture.fsck()
    }

    @Test("deployments of another stateroot are kept")
    func otherStateroot() throws {
        try host.deploy("1")
        try host.fixture.ostree("admin", "os-init", "--sysroot=\(host.root)", "other")
        let commit = try TestImage("2").commit(to: host.fixture.store)
        _ = try host.change().deploy(DeployRequest(commit: commit, refspec: TestImage.ref, stateroot: "other"))
        let next = try TestImage("3").commit(to: host.fixture.store)
        _ = try host.change().deploy(DeployRequest(commit: next, refspec: TestImage.ref))
        #expect(host.report.listed.map(\.stateroot) == ["other", "other", "host"])
        #expect(host.versions == ["3", "2", "1"])
        #expect(host.report.allProblems == [])
    }
}
