import EtcMerges
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

@testable import Deployments

/// The merge of /etc as a part of deploying, beside libostree's own.
@Suite struct EtcMergingTests {
    private let host: DeploymentFixture

    init() throws { host = try DeploymentFixture() }

    private func image(_ version: String, _ files: [String: String] = [:]) -> TestImage {
        var image = TestImage(version)
        image.files = [
            "usr/etc/same": "same", "usr/etc/changing": "of \(version)", "usr/etc/dir/inside": "x",
            "usr/etc/gone/one": "x",
        ]
        image.files.merge(files.map { ("usr/etc/\($0)", $1) }) { $1 }
        return image
    }

    private func etc(_ record: DeploymentRecord) -> FilePath { host.paths.folder(of: record.name).appending("etc") }

    /// What libostree merges, too: content, new files and folders, links, removals.
    private func edit(_ folder: FilePath) throws {
        let script = """
            cd "$0" && echo mine >same && echo mine >mine && mkdir -p new.d/sub && echo x >new.d/sub/x && ln -s mine link
            rm dir/inside && rm -r gone && chmod 600 mine
            """
        #expect(try run(["/bin/sh", "-c", script, folder.string]).status == 0)
    }

    private func listing(_ folder: FilePath) throws -> String {
        let script =
            "cd \"$0\" && find . -printf '%p %y %m %U:%G %l\\n' | sort; find . -type f | sort | xargs sha256sum"
        return try run(["/bin/sh", "-c", script, folder.string]).text
    }

    @Test("in plain cases the result is libostree's, bit for bit")
    func likeStock() throws {
        let first = try host.deploy(image("1"))
        try edit(etc(first))
        let commit = try image("2", ["came": "x"]).commit(to: host.fixture.store)
        try host.fixture.stockDeploy()
        let stock = try #require(host.report.defaultDeployment)
        #expect(stock.checksum == commit)
        let expected = try listing(etc(stock))
        #expect(expected.contains("./new.d/sub/x"))
        try EtcMerge.apply(
            old: host.paths.folder(of: first.name).appending("usr/etc"), live: etc(first),
            into: host.paths.folder(of: stock.name))
        #expect(try listing(etc(stock)) == expected)
    }

    @Test("the difference is what `ostree admin config-diff` lists")
    func configDiff() throws {
        let first = try host.deploy(image("1"))
        try edit(etc(first))
        let folder = host.paths.folder(of: first.name)
        let difference = try EtcDifference(from: folder.appending("usr/etc"), to: folder.appending("etc"))
        let ours = difference.changes.map { change in
            "\(change.kind == .added ? "A" : change.kind == .removed ? "D" : "M")    \(change.path)"
        }
        let stock = try host.fixture.ostree("admin", "config-diff", "--sysroot=\(host.root)", "--os=host")
        let theirs = stock.split(separator: "\n").map(String.init)
        #expect(ours.sorted() == theirs.sorted())
    }

    @Test("a conflict is told before the switch, and with `fail` nothing is deployed")
    func conflicts() throws {
        let first = try host.deploy(image("1"))
        try Files.replace(etc(first).appending("changing"), with: Array("mine".utf8))
        let commit = try image("2").commit(to: host.fixture.store)
        let told = Guarded<[EtcConflict]>([])
        var request = DeployRequest(commit: commit, refspec: TestImage.ref)
        request.etcPolicy = .fail
        request.announce = { [paths = host.paths] plan in
            #expect(SysrootReader(root: paths.root).report().listed.count == 1)
            told.with { $0 = plan.conflicts }
        }
        #expect(throws: EtcMergeError.self) { try host.change().deploy(request) }
        #expect(told.with { $0.map(\.path.description) } == ["changing"])
        try host.expectAgreement()
        request.etcPolicy = .new
        let second = try host.change().deploy(request)
        #expect(try Files.read(etc(second).appending("changing"), limit: 99) == Array("of 2".utf8))
        #expect(try Files.read(etc(first).appending("changing"), limit: 99) == Array("mine".utf8))
        try host.expectAgreement()
    }

    @Test("users that were added on the host outlive an upgrade that brings one of its own")
    func accounts() throws {
        let base = "root:x:0:0::/root:/bin/sh\n"
        let first = try host.deploy(image("1", ["passwd": base]))
        let ann = "ann:x:1000:1000::/home/ann:/bin/sh\n"
        try Files.replace(etc(first).appending("passwd"), with: Array((base + ann).utf8))
        let second = try host.deploy(image("2", ["passwd": base + "svc:x:105:105::/:/bin/false\n"]))
        let merged = try Files.read(etc(second).appending("passwd"), limit: 999)
        #expect(String(decoding: merged, as: UTF8.self) == base + ann + "svc:x:105:105::/:/bin/false\n")
    }
}
