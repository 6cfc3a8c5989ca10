import CLinux
import EtcMerges
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct MergeTests {
    private let etc: EtcFixture

    init() throws { etc = try EtcFixture() }

    @Test("what only one side has changed is taken from that side")
    func oneSide() throws {
        try etc.write("image", "1", in: etc.old, etc.live)
        try etc.write("image", "2", in: etc.new)
        try etc.write("local", "1", in: etc.old, etc.new)
        try etc.write("local", "mine", in: etc.live)
        try etc.write("added-here", "x", in: etc.live)
        try etc.write("added-there", "y", in: etc.new)
        try etc.write("removed-here", "x", in: etc.old, etc.new)
        try etc.write("removed-there", "x", in: etc.old, etc.live)
        #expect(try etc.merge().conflicts == [])
        #expect(try etc.result("image") == "2")
        #expect(try etc.result("local") == "mine")
        #expect(try Files.names(in: etc.merged) == ["added-here", "added-there", "image", "local"])
    }

    @Test("a conflict: the local one stays, or the image's comes, or nothing is merged", arguments: EtcPolicy.allCases)
    func conflict(_ policy: EtcPolicy) throws {
        try etc.write("both", "1", in: etc.old)
        try etc.write("both", "mine", in: etc.live)
        try etc.write("both", "2", in: etc.new)
        try etc.write("gone-here", "1", in: etc.old)
        try etc.write("gone-here", "2", in: etc.new)
        try etc.write("gone-there", "1", in: etc.old)
        try etc.write("gone-there", "mine", in: etc.live)
        try etc.write("came-twice", "mine", in: etc.live)
        try etc.write("came-twice", "2", in: etc.new)
        try etc.makeFolder("etc", in: etc.deployment)
        let told = try etc.plan(policy).conflicts
        #expect(
            told.map { "\($0.path) \($0.local) \($0.image)" } == [
                "both modified modified", "came-twice added added", "gone-here removed modified",
                "gone-there modified removed",
            ])
        switch policy {
        case .keep:
            #expect(try etc.merge(.keep).conflicts == told)
            #expect(try Files.names(in: etc.merged) == ["both", "came-twice", "gone-there"])
            #expect(try etc.result("both") == "mine")
        case .new:
            #expect(try etc.merge(.new).conflicts == told)
            #expect(try Files.names(in: etc.merged) == ["both", "came-twice", "gone-here"])
            #expect(try etc.result("both") == "2")
        case .fail:
            #expect(throws: EtcMergeError.conflicts(told)) { try etc.merge(.fail) }
            #expect(try Files.names(in: etc.merged) == [])
            #expect(try Files.names(in: etc.deployment) == ["etc", "usr"])
        }
    }

    @Test("a local mode goes with the image's new content, and an image's new owner with a local change")
    func aspects() throws {
        try etc.write("secret", "1", in: etc.old)
        try etc.write("secret", "1", mode: 0o600, in: etc.live)
        try etc.write("secret", "2", in: etc.new)
        try etc.write("owned", "1", in: etc.old, etc.new)
        try etc.write("owned", "mine", in: etc.live)
        #expect(chown(etc.new.appending("owned").string, 7, 8) == 0)
        try etc.makeFolder("folder", in: etc.old, etc.new)
        try etc.makeFolder("folder", mode: 0o700, in: etc.live)
        #expect(try etc.merge().conflicts == [])
        #expect(try etc.result("secret") == "2")
        #expect(try etc.mode("secret") == 0o600)
        #expect(try etc.result("owned") == "mine")
        #expect(try EtcFixture.status(etc.merged.appending("owned")).st_gid == 8)
        #expect(try etc.mode("folder") == 0o700)
    }

    @Test("extended attributes alone are a change that is kept")
    func attributes() throws {
        try etc.write("file", "1", in: etc.old, etc.live, etc.new)
        try setAttribute(etc.live.appending("file"), "trusted.hostctl-test", "mine")
        #expect(try etc.plan().changes == [EtcChange(path: EtcPath("file"), kind: .modified, aspects: [.attributes])])
        try etc.merge()
        #expect(try EtcFixture.listing(etc.merged) == EtcFixture.listing(etc.live))
        #expect(try EtcFixture.listing(etc.merged).contains("hostctl-test"))
    }

    private func setAttribute(_ path: FilePath, _ name: String, _ value: String) throws {
        let bytes = Array(value.utf8)
        try retrying("set an attribute", path.string) { hostctl_lsetxattr(path.string, name, bytes, bytes.count) }
    }

    @Test("a file that became a folder here stays one; one that became a folder there becomes one")
    func types() throws {
        for name in ["here", "there", "both"] { try etc.write(name, "1", in: etc.old) }
        try etc.write("there", "1", in: etc.live)
        try etc.write("here/inside", "mine", in: etc.live)
        try etc.write("here", "1", in: etc.new)
        try etc.write("there/inside", "2", in: etc.new)
        try etc.write("both", "mine", in: etc.live)
        try etc.write("both/inside", "2", in: etc.new)
        try etc.link("link", to: "here", in: etc.old, etc.live)
        try etc.write("link", "no longer", in: etc.new)
        let plan = try etc.merge()
        #expect(plan.conflicts.map(\.path.description) == ["both"])
        #expect(try etc.result("here/inside") == "mine")
        #expect(try etc.result("there/inside") == "2")
        #expect(try etc.result("both") == "mine")
        #expect(try etc.result("link") == "no longer")
    }

    @Test("a folder that the image has removed stays as far as it holds local changes")
    func removedFolders() throws {
        for name in ["plain.d/a", "edited.d/a", "edited.d/b"] { try etc.write(name, "1", in: etc.old, etc.live) }
        try etc.write("edited.d/mine", "x", in: etc.live)
        #expect(try etc.merge().conflicts == [])
        #expect(try Files.names(in: etc.merged) == ["edited.d"])
        #expect(try Files.names(in: etc.merged.appending("edited.d")) == ["mine"])
    }

    @Test("a link in a live /etc leads the merge nowhere")
    func linksOutside() throws {
        try etc.write("precious", "outside", in: etc.outside)
        try etc.write("app/conf", "1", in: etc.old)
        try etc.write("app/conf", "2", in: etc.new)
        try etc.link("app", to: etc.outside.string, in: etc.live)
        try etc.link("conf", to: "../outside/precious", in: etc.live)
        try etc.write("conf", "1", in: etc.old)
        try etc.write("conf", "2", in: etc.new)
        try etc.link("etc", to: etc.outside.string, in: etc.deployment)
        try etc.merge()
        #expect(Files.linkTarget(etc.merged.appending("app")) == etc.outside.string)
        #expect(Files.linkTarget(etc.merged.appending("conf")) == "../outside/precious")
        #expect(try Files.names(in: etc.outside) == ["precious"])
        #expect(Files.linkTarget(etc.merged) == nil)
    }

    @Test("a live /etc that is a link itself is refused")
    func linkedRoot() throws {
        try Files.removeTree(etc.live)
        try Files.makeLink(etc.live, target: "/etc")
        #expect(throws: SystemError.self) { try etc.merge() }
    }

    @Test("sockets, fifos and devices are left out with a note, and never opened")
    func special() throws {
        for name in ["fifo", "device"] { try etc.write(name, "1", in: etc.old, etc.new) }
        #expect(mkfifo(etc.live.appending("fifo").string, 0o644) == 0)
        #expect(mknod(etc.live.appending("device").string, Glibc.S_IFCHR | 0o600, 0x103) == 0)
        #expect(mkfifo(etc.live.appending("own").string, 0o644) == 0)
        let (old, live, deployment) = (etc.old, etc.live, etc.deployment)
        // What opens a fifo waits for its other end.
        let notes = try bounded {
            try EtcMerge.apply(old: old, live: live, into: deployment, policy: .keep).notes.map(\.path.description)
        }
        #expect(notes == ["device", "fifo", "own"])
        #expect(try Files.names(in: etc.merged) == ["device", "fifo"])
        #expect(try etc.result("fifo") == "1")
        #expect(try etc.plan().changes == [])
    }

    @Test("names that are not text are merged like all others")
    func names() throws {
        let script = "cd \"$0\" && printf mine >\"$(printf 'a\\377b')\" && printf x >\"$(printf 'new\\nline')\""
        #expect(try run(["/bin/sh", "-c", script, etc.live.string]).status == 0)
        let plan = try etc.plan()
        #expect(plan.changes.map(\.path.description) == ["a\\xffb", "new\\x0aline"])
        try etc.merge()
        #expect(try EtcFixture.listing(etc.merged) == EtcFixture.listing(etc.live))
    }

    @Test("names of one file stay names of one file, and never of one of the store's")
    func hardLinks() throws {
        try etc.write("one", "x", in: etc.live)
        #expect(link(etc.live.appending("one").string, etc.live.appending("two").string) == 0)
        try etc.write("a", "same", in: etc.new)
        #expect(link(etc.new.appending("a").string, etc.new.appending("b").string) == 0)
        try etc.merge()
        let one = try EtcFixture.status(etc.merged.appending("one"))
        #expect(try one.st_ino == EtcFixture.status(etc.merged.appending("two")).st_ino)
        #expect(one.st_nlink == 2)
        for name in ["a", "b"] { #expect(try EtcFixture.status(etc.merged.appending(name)).st_nlink == 1) }
    }

    @Test("immutable files in a live /etc and an immutable deployment are no obstacle")
    func immutable() throws {
        try etc.write("fixed", "mine", in: etc.live)
        _ = try run(["/usr/bin/chattr", "+i", etc.live.appending("fixed").string, etc.deployment.string])
        defer { _ = try? run(["/usr/bin/chattr", "-i", etc.live.appending("fixed").string, etc.deployment.string]) }
        try etc.merge()
        try etc.merge()
        #expect(try etc.result("fixed") == "mine")
    }

    @Test("times are kept, and nothing of a merge is left beside")
    func times() throws {
        try etc.write("file", "mine", in: etc.live)
        let past = [timespec(tv_sec: 1000, tv_nsec: 5), timespec(tv_sec: 2000, tv_nsec: 7)]
        #expect(utimensat(AT_FDCWD, etc.live.appending("file").string, past, 0) == 0)
        try etc.merge()
        #expect(try EtcFixture.status(etc.merged.appending("file")).st_mtim.tv_sec == 2000)
        #expect(try Files.names(in: etc.deployment) == ["etc", "usr"])
    }

    @Test("folders in folders beyond all reason are refused, and `etc` stays")
    func deep() throws {
        var path = etc.live
        for _ in 0..<200 {
            path.append("d")
            try Files.makeFolder(path)
        }
        try etc.write("kept", "x", in: etc.merged)
        #expect(throws: EtcMergeError.self) { try etc.merge() }
        #expect(throws: EtcMergeError.self) { try etc.plan() }
        #expect(try etc.result("kept") == "x")
        #expect(try Files.names(in: etc.deployment) == ["etc", "usr"])
    }

    @Test("a large file is carried over without being in memory")
    func large() throws {
        let path = etc.live.appending("large")
        #expect(
            try run(["/bin/sh", "-c", "head -c 300000000 /dev/zero | tr '\\0' x >\"$0\"", path.string]).status == 0)
        let before = try peakMemory()
        try etc.merge()
        #expect(try EtcFixture.status(etc.merged.appending("large")).st_size == 300_000_000)
        #expect(try peakMemory() - before < 64 << 10)
    }

    /// In KiB.
    private func peakMemory() throws -> Int {
        var usage = rusage()
        try retrying("measure", "memory") { getrusage(0 /* RUSAGE_SELF */, &usage) }
        return usage.ru_maxrss
    }
}
