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

/// `hostctl diff`.
@Suite struct DiffTests {
    @Test("without arguments, from the rollback to the default: what stock ostree finds, too")
    func deployments() throws {
        let host = try HostFixture.prepared()
        let answer = try host.changeJSON("diff", "--files")
        #expect(try answer.fields("from").string("version") == "1")
        #expect(try answer.fields("to").string("version") == "2")
        let ours = try answer.objects("changes").map { try $0.string("path") }
        let stock = try host.sysroot.ostree(
            "diff", "--repo=\(host.sysroot.paths.repository)", host.commit("1"), host.commit("2"))
        let theirs = stock.split(separator: "\n").map { String($0.dropFirst().drop { $0 == " " }) }
        #expect(ours.sorted() == theirs.sorted())
        #expect(try answer.fields("files").integer("changed") == Int64(ours.count))
        #expect(try !host.changeJSON("diff").has("changes"))
    }

    @Test("an index, a version, a checksum, its first digits, a ref and a deployment's name mean the same commit")
    func names() throws {
        let host = try HostFixture.prepared()
        let status = try host.deployments()[1]
        let commit = try status.string("commit")
        for name in ["1", commit, String(commit.prefix(8)), "\(commit).0"] {
            let answer = try host.changeJSON("diff", name, "0")
            #expect(try answer.fields("from").string("commit") == commit, "\(name)")
        }
        let ref = try host.changeJSON("diff", HostFixture.ref, "1")
        #expect(try ref.fields("from").string("version") == "2")
    }

    @Test("FROM alone is compared with what the next boot starts")
    func fromAlone() throws {
        let host = try HostFixture.prepared()
        let answer = try host.changeJSON("diff", "1")
        #expect(try answer.fields("to").string("version") == "2")
        #expect(try host.changeJSON("diff", "0").fields("files").integer("changed") == 0)
    }

    @Test("what has no name is an error with advice", arguments: ["7", "nothing", "abcd", "../../etc", "-1", ""])
    func unknown(_ name: String) throws {
        let host = try HostFixture.prepared()
        let result = try host.hostctl(["diff", "--sysroot", host.root.string, "--", name])
        expect(result, 1, "hostctl status")
    }

    @Test("one deployment cannot be compared with nothing")
    func alone() throws {
        let host = try HostFixture()
        expect(try host.onSysroot("diff"), 1, "only one deployment")
        let folder = try TemporaryFolder()
        expect(try host.hostctl(["diff", "--sysroot", folder.path.string]), 1, "is not a sysroot")
    }

    @Test("packages come first, and releases of an origin or a build store are named by their versions")
    func packages() throws {
        let host = try HostFixture(releases: [], installed: nil)
        for (version, packages) in [
            ("2026.1", ["bash 5.2-1", "gone 1", "libc6 2.36-9", "lower 2"]),
            ("2026.2", ["bash 5.2-1", "libc6 2.36-10", "lower 1", "new 1"]),
        ] {
            var image = TestImage(version)
            image.channel = HostFixture.channel
            image.timestamp += version == "2026.1" ? 0 : 1
            image.packages = packages
            try host.publish(image)
        }
        for store in [host.origin, host.origin.appending("store"), host.buildsPath] {
            let arguments = ["diff", "--store", store.string, "2026.1", "2026.2"]
            let packages = try host.succeed(arguments + ["--json"]).json.fields("packages")
            #expect(try packages.objects("added").map { try $0.string("name") } == ["new"])
            #expect(try packages.objects("removed").map { try $0.string("name") } == ["gone"])
            #expect(try packages.objects("downgraded").map { try $0.string("from") } == ["2"])
            let text = try host.succeed(arguments).text
            #expect(text.contains("Upgraded:\n  libc6 2.36-9 -> 2.36-10\n"), "\(text)")
            #expect(text.contains("1 upgraded, 1 downgraded, 1 removed, 1 added"), "\(text)")
        }
        expect(try host.hostctl(["diff", "--store", host.origin.string, "2026.1"]), 2, "needs FROM and TO")
        expect(try host.hostctl(["diff", "--store", "/nowhere", "1", "2"]), 1, "not a usable ostree repository")
    }

    @Test("a version that two commits have is refused with both")
    func ambiguous() throws {
        let host = try HostFixture(releases: [], installed: nil)
        var image = HostFixture.image("7")
        try host.build(image)
        image.kernel = "another"
        try host.build(image)
        let result = try host.hostctl(["diff", "--store", host.buildsPath.string, "7", "7"])
        expect(result, 1, "may be any of")
    }

    @Test("what a terminal would obey in a file's name is not printed")
    func escapes() throws {
        let host = try HostFixture(releases: [], installed: nil)
        try host.build(HostFixture.image("1"))
        let old = try host.builds.resolve(ref: HostFixture.ref).hex
        var image = HostFixture.image("2")
        image.files["usr/\u{1B}[2Jx\n"] = "x"
        try host.build(image)
        let text = try host.succeed(
            "diff", "--files", "--store", host.buildsPath.string, old, HostFixture.ref
        ).text
        #expect(text.contains("[2Jx"))
        #expect(!text.contains("\u{1B}"))
    }

    @Test("without privileges it says so")
    func unprivileged() throws {
        let host = try HostFixture.prepared()
        let result = try host.withoutPrivileges("diff")
        expect(result, 1, "run the command as root")
    }
}

extension HostFixture {
    /// Runs the front end on the sysroot as a user who may read little.
    func withoutPrivileges(_ arguments: String...) throws -> ProcessResult {
        let folder = root.removingLastComponent()
        #expect(chmod(folder.string, 0o755) == 0)
        let program = folder.appending("hostctl").string
        #expect(try run(["/bin/cp", BuiltProducts.hostctl, program]).status == 0)
        let command = ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program]
        return try run(command + arguments + ["--sysroot", root.string])
    }
}
