import Checksums
import Glibc
import LinuxSystem
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl cleanup`.
@Suite struct CleanupTests {
    /// Bytes that the sysroot takes, but for what every change writes anew.
    private func diskUsage(_ host: HostFixture) throws -> Int64 {
        let result = try run([
            "/usr/bin/du", "-s", "--block-size=1", "--exclude=status", "--exclude=lock", "--exclude=loader.[01]",
            host.root.string,
        ])
        return try #require(result.text.split(separator: "\t").first.flatMap { Int64($0) })
    }

    /// Runs a dry run and then the cleanup: both tell the same, and that is what comes free.
    @discardableResult
    private func cleanUp(_ host: HostFixture, _ arguments: String...) throws -> JSONFields {
        let before = try host.sysroot.snapshot(without: Self.locks)
        let told = try host.succeed(["cleanup", "--dry-run", "--json", "--sysroot", host.root.string] + arguments)
        #expect(try host.sysroot.snapshot(without: Self.locks) == before)
        let usage = try diskUsage(host)
        let done = try host.succeed(["cleanup", "--json", "--sysroot", host.root.string] + arguments)
        #expect(told.text.replacing("\"dry_run\": true", with: "\"dry_run\": false") == done.text)
        // Boot entries are written anew, so they are not measured.
        let links = try items(done.json, "boot-link").map { try $0.integer("bytes") }.reduce(0, +)
        #expect(try usage - diskUsage(host) == done.json.integer("bytes") - links)
        #expect(
            try host.sysroot.ostree("prune", "--refs-only", "--repo=\(host.sysroot.paths.repository)")
                .contains("No unreachable objects"))
        return try done.json
    }

    /// Taking a lock may make its file.
    static let locks = ["/ostree/repo/.lock", "/ostree/repo/tmp/.hostctl.lock", "/ostree/hostctl/download"]

    private func items(_ answer: JSONFields, _ kind: String) throws -> [JSONFields] {
        try answer.objects("items").filter { try $0.string("kind") == kind }
    }

    @Test("after an upgrade, the objects of the dropped release go, and the dry run told so")
    func afterUpgrade() throws {
        let host = try HostFixture.prepared()
        try host.change("upgrade")
        let answer = try cleanUp(host)
        #expect(try answer.fields("objects").integer("removed") > 10)
        #expect(try answer.objects("items").isEmpty)
        try host.expectAgreement(["3", "2"])
        #expect(try cleanUp(host).integer("bytes") == 0)
        #expect(try host.change("cleanup").text == "there is nothing to remove\n")
    }

    @Test("a deployment that was unpinned goes; default, rollback and pinned ones stay")
    func unpinned() throws {
        let host = try HostFixture.prepared()
        try host.change("pin", "1")
        try host.change("upgrade")
        try cleanUp(host)
        try host.expectAgreement(["3", "2", "1*"])
        try host.change("unpin", "2")
        let folder = try host.folder(2)
        let answer = try cleanUp(host)
        #expect(try items(answer, "deployment").count == 1)
        #expect(!Files.exists(folder))
        try host.expectAgreement(["3", "2"])
        #expect(try host.sysroot.store.refs(below: DeploymentName.leases).count == 2)
    }

    @Test("a kernel that no boot entry uses goes, unless somebody else's boot entry names it")
    func kernels() throws {
        let host = try HostFixture.prepared()
        let kernels = host.sysroot.paths.kernels
        let names = ["a", "b"].map { "host-\(String(repeating: $0, count: 64))" }
        for name in names {
            try Files.makeFolder(kernels.appending(name))
            try Files.replace(kernels.appending(name).appending("vmlinuz-1"), with: [1])
        }
        try Files.makeFolder(kernels.appending("other-\(String(repeating: "a", count: 64))"))
        try host.sysroot.write("boot/loader/entries/mine.conf", "linux /ostree/\(names[1])/vmlinuz-1\n")
        let answer = try cleanUp(host)
        #expect(try items(answer, "kernel").map { try $0.string("name") } == ["boot/ostree/\(names[0])"])
        #expect(try Files.names(in: kernels).count == 3)
        try host.expectAgreement(["2", "1"])
    }

    @Test("an interrupted download goes")
    func interruptedDownload() throws {
        for point in ["fetch.object:3", "store.before-commits", "fetch.after-refs"] {
            let host = try HostFixture.prepared()
            let arguments = ["upgrade", "--download-only", "--sysroot", host.root.string]
            #expect(try host.hostctl(arguments, environment: ["HOSTCTL_FAULT_POINT": point]).end == .signaled(9))
            let answer = try cleanUp(host)
            #expect(try items(answer, "download").count + items(answer, "lease").count > 0, "\(point)")
            #expect(try host.sysroot.store.refs(below: "hostctl")["hostctl/download"] == nil)
            #expect(!Files.exists(host.sysroot.paths.state.appending("download/staging")))
            #expect(try host.sysroot.store.resolve(ref: HostFixture.ref).hex == host.commit("2"))
            try host.change("upgrade")
            try host.expectAgreement(["3", "2"])
        }
    }

    @Test("a complete download is kept and said to be, and goes with --downloads")
    func completeDownload() throws {
        let host = try HostFixture.prepared()
        try host.change("upgrade", "--download-only")
        #expect(try cleanUp(host).strings("kept").first?.contains("--downloads") == true)
        let copy = try host.changeJSON("cleanup", "--downloads", "--dry-run")
        #expect(try copy.fields("objects").integer("removed") > 10)
        try host.change("upgrade", "--from-downloaded")
        try host.expectAgreement(["3", "2"])
        try cleanUp(host)

        let other = try HostFixture.prepared()
        try other.change("upgrade", "--download-only")
        let answer = try cleanUp(other, "--downloads")
        #expect(try answer.fields("objects").integer("removed") > 10)
        expect(try other.onSysroot("upgrade", "--from-downloaded"), 1, "nothing has been downloaded")
        try other.change("upgrade")
        try other.expectAgreement(["3", "2"])
    }

    @Test("what an interrupted download has staged goes, and the complete one beside it stays to be deployed")
    func stagedBesideComplete() throws {
        let host = try HostFixture.prepared()
        try host.change("upgrade", "--download-only")
        let folder = host.sysroot.paths.state.appending("download")
        try Files.makeFolder(folder.appending("staging"))
        try Files.replace(folder.appending("staging/x"), with: [1])
        let manifest = try Files.read(folder.appending("manifest.json"), limit: 1 << 20)
        let names = try items(cleanUp(host), "download").map { try $0.string("name") }
        #expect(names == ["ostree/hostctl/download/staging"])
        #expect(!Files.exists(folder.appending("staging")))
        #expect(try Files.read(folder.appending("manifest.json"), limit: 1 << 20) == manifest)
        #expect(try host.sysroot.store.refs(below: "hostctl")["hostctl/download"]?.hex == host.commit("3"))
        try host.change("upgrade", "--from-downloaded")
        try host.expectAgreement(["3", "2"])
    }

    @Test("what killed commands have left goes; what a running one holds stays")
    func leftovers() throws {
        let host = try HostFixture.prepared()
        let paths = host.sysroot.paths
        let lost = ["ostree/hostctl/.hostctl-1.tmp", "ostree/repo/refs/heads/lean-host/.hostctl-2.tmp"]
        for path in lost { try host.sysroot.write(path, "x") }
        let staging = paths.repository.appending("tmp/hostctl-1-2")
        let held = paths.repository.appending("tmp/hostctl-3-4")
        for folder in [staging, held] {
            try Files.makeFolder(folder)
            try Files.replace(folder.appending("x"), with: [1])
        }
        let lock = try Descriptor(opening: held.string, flags: O_RDONLY | O_DIRECTORY)
        #expect(flock(lock.raw, LOCK_EX | LOCK_NB) == 0)
        let answer = try cleanUp(host)
        #expect(try items(answer, "leftover").count == 3)
        #expect(!Files.exists(staging))
        #expect(Files.exists(held))
        withExtendedLifetime(lock) {}
    }

    @Test("a lease without a deployment goes, and one that is missing or torn comes back")
    func leases() throws {
        let host = try HostFixture.prepared()
        let store = try host.sysroot.store
        let leases = try store.refs(below: DeploymentName.leases)
        let first = try #require(leases.keys.sorted().first)
        try Files.replace(store.path.appending("refs/heads").appending(first), with: [])
        let stale = DeploymentName(stateroot: "host", checksum: try #require(leases[first]), serial: 7).lease
        try store.setRef(stale, to: leases[first])
        let answer = try host.changeJSON("cleanup")
        #expect(try items(answer, "lease").map { try $0.string("name") } == [stale])
        #expect(try store.refs(below: DeploymentName.leases) == leases)
    }

    private static let killPoints = [
        "cleanup.before-switch", "cleanup.after-switch", "deploy.before-prune", "deploy.after-prune",
        "cleanup.before-leftovers", "cleanup.item:1", "cleanup.item:2", "cleanup.before-objects",
        "collect.before-commits", "collect.commit:1", "collect.after-commits", "collect.object:1", "collect.object:9",
        "collect.after-objects", "replace.before-rename:1", "replace.after-rename:1",
    ]

    /// 3 is the default, 2 the rollback, 1 needed by nobody, and a killed command's staging folder lies about.
    private func messyHost() throws -> HostFixture {
        let host = try HostFixture.prepared()
        try host.change("pin", "1")
        try host.change("upgrade")
        try host.change("unpin", "2")
        for name in ["hostctl-1-2", "hostctl-3-4"] {
            try Files.makeFolder(host.sysroot.paths.repository.appending("tmp").appending(name))
        }
        return host
    }

    @Test("a cleanup killed anywhere leaves a whole host, and is completed by running it again", arguments: killPoints)
    func killed(_ point: String) throws {
        let host = try messyHost()
        let arguments = ["cleanup", "--sysroot", host.root.string]
        let result = try host.hostctl(arguments, environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(point) was not reached: \(result.errorText)")
        try host.sysroot.fsck()
        #expect(try [["3", "2", "1"], ["3", "2"]].contains(host.versions()))
        #expect(try host.deployments().map(HostFixture.folderName) == host.sysroot.stockStatus())
        try cleanUp(host)
        try host.expectAgreement(["3", "2"])
        #expect(try host.sysroot.store.temporaryNames().isEmpty)
    }

    @Test(
        "what an upgrade that was killed has left goes, and the dry run told so",
        arguments: [
            "deploy.after-lease", "deploy.after-checkout", "deploy.before-switch", "deploy.after-switch",
        ])
    func killedUpgrade(_ point: String) throws {
        let host = try HostFixture.prepared()
        let result = try host.onSysroot("upgrade", environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9))
        let isSwitched = point == "deploy.after-switch"
        let told = try host.changeJSON("cleanup", "--dry-run")
        let done = try host.changeJSON("cleanup")
        #expect(try told.integer("bytes") == done.integer("bytes"))
        #expect(try told.fields("objects").integer("removed") == done.fields("objects").integer("removed"))
        try host.expectAgreement(isSwitched ? ["3", "2"] : ["2", "1"])
        #expect(try host.changeJSON("cleanup").integer("bytes") == 0)
    }

    @Test("a disk that fails when objects are to go: what was removed before is told, and the status is that of now")
    func failingObjects() throws {
        let host = try messyHost()
        let faulty = FaultyCalls(root: host.sysroot.paths.repository.appending("objects"))
        let result = try host.onSysroot(
            "cleanup", "--json", environment: faulty.environment(.failFromHere(.ioError), at: 1))
        expect(result, 1)
        #expect(try items(result.json, "deployment").count == 1)
        #expect(try result.json.string("refusal").contains("objects"))
        #expect(try host.versions() == ["3", "2"])
        try host.change("cleanup")
        try host.expectAgreement(["3", "2"])
    }

    @Test("a cleanup beside a download waits or says who is at work")
    func locked() throws {
        let host = try HostFixture.prepared()
        try host.change("cleanup")
        let path = host.sysroot.paths.state.appending("download/lock")
        let lock = try FileLock(path, .exclusive, seconds: 0, holder: "hostctl upgrade (pid 1)")
        expect(try host.onSysroot("cleanup", "--wait", "0"), 6, "hostctl upgrade (pid 1)")
        withExtendedLifetime(lock) {}
    }

    @Test("without privileges a dry run says what it needs")
    func unprivileged() throws {
        let host = try HostFixture.prepared()
        #expect(chmod(host.root.removingLastComponent().string, 0o755) == 0)
        let program = host.root.removingLastComponent().appending("hostctl-store").string
        #expect(try run(["/bin/cp", BuiltProducts.hostctlStore, program]).status == 0)
        let result = try run([
            "/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "cleanup",
            "--dry-run", "--sysroot", host.root.string,
        ])
        expect(result, 1)
        #expect(result.errorText.contains("ermission denied"), "\(result.errorText)")
    }
}

extension Store {
    /// What is left under `tmp`, without lock files.
    func temporaryNames() throws -> [String] {
        try Files.names(in: path.appending("tmp")).filter { $0.hasPrefix("hostctl-") }
    }
}
