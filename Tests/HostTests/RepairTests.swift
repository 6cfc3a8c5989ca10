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

/// `hostctl verify --repair`: what is damaged is whole again, or named.
@Suite struct RepairTests {
    private let host: HostFixture

    init() throws { host = try HostFixture.prepared() }

    private func object(_ text: String) throws -> FilePath { try host.sysroot.store.path(of: host.name(of: text)) }

    private func expectRepaired(
        _ versions: [String] = ["2", "1"], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try host.onSysroot("verify", "--repair")
        #expect(result.status == 0, "\(result.text)\(result.errorText)", sourceLocation: sourceLocation)
        try expectWhole(versions, sourceLocation: sourceLocation)
    }

    private func expectWhole(_ versions: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        try host.expectAgreement(versions, sourceLocation: sourceLocation)
        let result = try host.onSysroot("verify")
        #expect(result.status == 0, "\(result.text)", sourceLocation: sourceLocation)
        #expect(
            try host.sysroot.store.temporaryNames().isEmpty, sourceLocation: sourceLocation)
    }

    private func text(_ path: String, _ index: Int = 0) throws -> String {
        String(decoding: try Files.read(host.folder(index).appending(path), limit: 1000), as: UTF8.self)
    }

    private func inode(_ path: FilePath) throws -> UInt64 {
        var status = stat()
        try retrying("examine", path.string) { lstat(path.string, &status) }
        return UInt64(status.st_ino)
    }

    @Test("a damaged file is fetched, and both deployments have the whole one, linked to its object")
    func damagedFile() throws {
        try host.overwrite(try object("file 3\n"), "broken\n")
        #expect(try text("usr/share/same/3") == "broken\n")
        try expectRepaired()
        for index in [0, 1] {
            #expect(try text("usr/share/same/3", index) == "file 3\n")
            #expect(try inode(host.folder(index).appending("usr/share/same/3")) == inode(object("file 3\n")))
        }
    }

    @Test("a link in the root of a deployment that was changed is mended, whether the folder is immutable or not")
    func rootLink() throws {
        let other = try HostFixture(publishing: [], installing: nil)
        var image = HostFixture.image("1")
        image.links["bin"] = "usr/bin"
        try other.publish(image)
        try other.install()
        let folder = try other.folder()
        // The file system of the tests may know no such flag.
        _ = try run(["/usr/bin/chattr", "-i", folder.string])
        try Files.replaceLink(folder.appending("bin"), target: "usr/sbin")
        _ = try run(["/usr/bin/chattr", "+i", folder.string])
        expect(try other.onSysroot("verify"), 1)
        try other.change("verify", "--repair")
        #expect(Files.linkTarget(folder.appending("bin")) == "usr/bin")
        try other.expectAgreement(["1"])
    }

    @Test("every kind of missing object comes back, also when one hides what else is missing")
    func missing() throws {
        let store = try host.sysroot.store
        for version in ["1", "2"] {
            let commit = try host.checksum(version)
            let root = try store.commit(commit)
            let usr = try #require(store.tree(root.rootTree).folders.first)
            for name in [
                ObjectName(commit, .commit), ObjectName(root.rootTree, .dirtree), ObjectName(usr.tree, .dirtree),
                ObjectName(root.rootMetadata, .dirmeta), host.name(of: "file 4 of \(version)\n"),
            ] { try Files.remove(store.path(of: name)) }
        }
        try expectRepaired()
        try host.change("upgrade")
        try host.expectAgreement(["3", "2"])
    }

    @Test("an object that a deployment still has is taken from there, without the origin")
    func adopted() throws {
        try Files.remove(try object("file 3 of 2\n"))
        let gone = host.sysroot.beside("no-origin")
        try SysrootState(origin: "file://\(gone)", channel: HostFixture.channel, architecture: "x86_64")
            .save(host.sysroot.paths)
        try expectRepaired()
    }

    @Test("files of deployments are put right, and what the commit does not have stays and is told")
    func deploymentFiles() throws {
        let folder = try host.folder()
        try Files.replace(folder.appending("usr/bin/x"), with: [1])
        try Files.remove(folder.appending("usr/share/same/1"))
        try Files.removeTree(folder.appending("usr/share/changing"))
        #expect(chmod(folder.appending("usr/share").string, 0o700) == 0)
        try Files.replace(folder.appending("etc/hostname"), with: Array("mine\n".utf8))
        try expectRepaired()
        #expect(try text("usr/bin/x") == "x 2\n")
        #expect(try text("usr/share/changing/1") == "file 1 of 2\n")
        #expect(try text("etc/hostname") == "mine\n")
        try Files.replace(folder.appending("usr/extra"), with: [1])
        expect(try host.onSysroot("verify", "--repair"), 1)
        #expect(Files.exists(folder.appending("usr/extra")))
    }

    @Test("an origin that is gone: what is local is mended, the rest is named, nothing is removed")
    func noOrigin() throws {
        try host.overwrite(try object("file 3\n"), "broken\n")
        try Files.remove(host.folder().appending("usr/share/same/1"))
        try SysrootState(
            origin: "http://127.0.0.1:1", channel: HostFixture.channel, architecture: "x86_64"
        ).save(host.sysroot.paths)
        let result = try host.onSysroot("verify", "--repair", "--json")
        expect(result, 5)
        #expect(try FailureRecord.load(host.sysroot.paths)?.reason.contains("127.0.0.1") == true)
        let findings = try result.json.objects("findings")
        #expect(try findings.contains { try $0.string("text").contains("/usr/share/same/3") })
        #expect(try result.json.string("obstacle").contains("127.0.0.1"))
        #expect(try text("usr/share/same/1") == "file 1\n")
        #expect(try text("usr/share/same/3") == "broken\n")
    }

    @Test("a folder that cannot be made whole does not keep the rest from being mended, or from being told")
    func unrepairableFolder() throws {
        let folder = try host.folder()
        try Files.remove(try object("file 1 of 2\n"))
        try Files.removeTree(folder.appending("usr/share/changing"))
        try Files.replace(folder.appending("usr/share/same/1"), with: [1])
        let kernel = host.sysroot.paths.kernels.appending(
            try #require(Files.names(in: host.sysroot.paths.kernels).first))
        try Files.replace(kernel.appending("vmlinuz-6.1.0"), with: [1])
        let state = try #require(try SysrootState.load(host.sysroot.paths))
        var lost = state
        lost.origin = "http://127.0.0.1:1"
        try lost.save(host.sysroot.paths)
        let result = try host.onSysroot("verify", "--repair", "--json")
        expect(result, 5)
        let kinds = try result.json.objects("findings").map { try $0.string("kind") }
        #expect(Set(kinds) == ["missing-object", "missing-file"], "\(result.text)")
        #expect(try text("usr/share/same/1") == "file 1\n")
        #expect(!Files.exists(folder.appending("usr/share/changing")))
        #expect(try Files.names(in: folder.appending("usr/share")).allSatisfy { !$0.hasPrefix(".") })
        try state.save(host.sysroot.paths)
        try expectRepaired()
        #expect(try FailureRecord.load(host.sysroot.paths) == nil)
    }

    @Test("a folder in the place of a kernel or an object is told, and the rest is mended")
    func folderInTheWay() throws {
        let place = try object("file 3\n")
        try Files.remove(place)
        try Files.makeFolder(place)
        try Files.remove(try object("file 4\n"))
        let result = try host.onSysroot("verify", "--repair")
        expect(result, 1)
        #expect(result.text.contains("repairing it failed"), "\(result.text)")
        #expect(try host.sysroot.store.contains(host.name(of: "file 4\n")))
    }

    @Test("signatures that a killed repair, or anything else, has lost are told and come back")
    func lostSignatures() throws {
        let commit = try host.commit("2")
        let path = try host.sysroot.store.path.appending(
            "objects/\(commit.prefix(2))/\(commit.dropFirst(2)).commitmeta")
        let before = try Files.read(path, limit: 1 << 16)
        try Files.remove(path)
        #expect(try host.onSysroot("verify").text.contains("the signatures of the deployed commit"))
        try expectRepaired()
        #expect(try Files.read(path, limit: 1 << 16) == before)
    }

    @Test("the boot link is not led to entries whose kernels or deployments are gone")
    func uselessEntries() throws {
        try Files.remove(host.sysroot.paths.loader)
        try Files.removeTree(host.sysroot.paths.kernels)
        expect(try host.onSysroot("verify", "--repair"), 1)
        #expect(!Files.exists(host.sysroot.paths.loader))
    }

    @Test("an origin that has other bytes under an object's name repairs nothing with them")
    func hostileOrigin() throws {
        let other = try HostFixture()
        try other.overwrite(try other.sysroot.store.path(of: other.name(of: "file 3\n")), "broken\n")
        let name = other.name(of: "file 3\n")
        let wrong = other.origin.appending("store/objects").appending(other.name(of: "file 4\n").archivePath)
        let place = other.origin.appending("store/objects").appending(name.archivePath)
        try Files.replace(place, with: Files.read(wrong, limit: 1 << 16))
        let result = try other.onSysroot("verify", "--repair")
        expect(result, 3)
        #expect(result.text.contains(name.description), "\(result.text)")
        #expect(try Files.read(other.folder().appending("usr/share/same/3"), limit: 100) == Array("broken\n".utf8))
    }

    @Test("a lost commit that no trusted key has signed is not taken from the origin")
    func unsignedCommit() throws {
        let other = try HostFixture()
        let commit = ObjectName(try other.checksum("1"), .commit)
        try Files.remove(other.sysroot.store.path(of: commit))
        try Files.replace(
            other.origin.appending("store/objects").appending(commit.archivePath + "meta"),
            with: DetachedMetadata.encode(signatures: [[UInt8](repeating: 7, count: 64)]))
        let result = try other.onSysroot("verify", "--repair")
        expect(result, 3)
        #expect(result.text.contains("no trusted key has signed it"), "\(result.text)")
        #expect(try !other.sysroot.store.contains(commit))
    }

    @Test("a lost boot link, torn leases and origin files come back, the latter pinned")
    func sysroot() throws {
        let store = try host.sysroot.store
        let leases = try store.refs(below: DeploymentName.leases)
        try Files.remove(host.sysroot.paths.loader)
        for lease in leases.keys { try Files.replace(store.path.appending("refs/heads/\(lease)"), with: []) }
        try expectRepaired()
        #expect(try store.refs(below: DeploymentName.leases) == leases)
        try Files.replace(FilePath("\(try host.folder(1)).origin"), with: Array("[origin]\nrefs".utf8))
        try expectRepaired(["2", "1*"])
        #expect(try host.deployments()[1].string("refspec") == HostFixture.ref)
        try host.change("upgrade")
        try host.expectAgreement(["3", "2", "1*"])
        try host.change("unpin", "2")
        try host.change("cleanup")
        try host.expectAgreement(["3", "2"])
    }

    @Test("state that the rest tells is made anew")
    func state() throws {
        for name in ["failure.json", "status"] { try host.sysroot.write("ostree/hostctl/\(name)", "x") }
        let history = try host.sysroot.read("ostree/hostctl/history.jsonl")
        try host.sysroot.write("ostree/hostctl/history.jsonl", "torn\n" + history)
        try expectRepaired()
        #expect(try host.sysroot.read("ostree/hostctl/history.jsonl") == history)
    }

    @Test("what cannot be repaired is named, with what to do, and stays")
    func hopeless() throws {
        let other = try HostFixture.prepared()
        try Files.removeTree(other.folder(1))
        let result = try other.onSysroot("verify", "--repair")
        expect(result, 1)
        #expect(result.text.contains("the deployment's folder is missing"), "\(result.text)")
        #expect(result.text.contains("help: "))
        #expect(try other.versions() == ["2", "1"])
    }

    @Test(
        "a repair killed around the boot link is completed by running it again",
        arguments: ["repair.before-loader", "repair.after-loader"])
    func killedAtLoader(_ point: String) throws {
        try Files.remove(host.sysroot.paths.loader)
        let result = try host.onSysroot("verify", "--repair", environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(point) was not reached: \(result.text)\(result.errorText)")
        try host.change("verify", "--repair")
        try host.change("cleanup")
        try expectWhole(["2", "1"])
    }

    private static let points = [
        "repair.before-adopt", "repair.after-adopt", "repair.before-commit", "repair.after-commit",
        "repair.before-objects", "repair.after-objects", "store.before-objects", "store.before-commits",
        "repair.before-file", "repair.after-link", "repair.after-rename", "repair.after-file", "repair.before-folder",
        "repair.before-kernel", "repair.after-kernel", "repair.after-link:3", "repair.after-rename:3",
    ]

    @Test("a repair killed anywhere is completed by running it again", arguments: points)
    func killed(_ point: String) throws {
        let store = try host.sysroot.store
        let folder = try host.folder()
        try host.overwrite(try object("file 3\n"), "broken\n")
        try Files.remove(try object("file 5 of 2\n"))
        try Files.remove(store.path(of: ObjectName(host.checksum("1"), .commit)))
        try Files.removeTree(folder.appending("usr/share/changing"))
        try Files.replace(folder.appending("usr/bin/x"), with: [1])
        let kernel = host.sysroot.paths.kernels.appending(
            try #require(Files.names(in: host.sysroot.paths.kernels).first))
        try Files.replace(kernel.appending("vmlinuz-6.1.0"), with: [1])
        // Something to adopt: the object is gone, and the other deployment still has the file.
        try Files.remove(try object("file 6\n"))
        let result = try host.onSysroot("verify", "--repair", environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(point) was not reached: \(result.text)\(result.errorText)")
        #expect(try host.deployments().map(HostFixture.folderName) == host.sysroot.stockStatus())
        try host.change("verify", "--repair")
        try host.change("cleanup")
        try expectWhole(["2", "1"])
    }
}
