import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Pools and full packs of published releases that were lost or damaged in the origin's folder.
@Suite struct MendingTests {
    private let host: HostFixture
    private let files = ["3.index", "3.pool", "3.packindex", "3.pack"]

    init() throws {
        host = try HostFixture()
        host.patches = 2
        host.fullPack = true
        try host.publish("3")
    }

    private var folder: FilePath { host.origin.appending("patches/lean-host/stable/x86_64") }
    private func read(_ path: FilePath) throws -> [UInt8] { try Files.read(path, limit: 1 << 24) }
    private func contents() throws -> [[UInt8]] { try files.map { try read(folder.appending($0)) } }
    private var manifest: FilePath { host.origin.appending("releases/lean-host/stable/x86_64/3.json") }

    private func strings(_ answer: JSONFields, _ name: String) throws -> [String] {
        try answer.strings(name)
    }

    @Test("publishing a release whose pools are whole changes nothing") func intact() throws {
        let before = try contents()
        let answer = try host.succeed(host.publication() + ["--json"]).json
        #expect(try strings(answer, "mended") == [] && strings(answer, "lost") == [])
        #expect(try contents() == before)
    }

    @Test(
        "publishing a release whose pool or index was lost, cut or damaged makes the same bytes again",
        arguments: ["3.index", "3.pool", "3.packindex", "3.pack"], ["lost", "cut", "flipped"])
    func mended(_ name: String, _ fault: String) throws {
        let before = try contents()
        let signed = try read(manifest)
        let file = folder.appending(name)
        var bytes = try read(file)
        bytes[bytes.count / 2] ^= 1
        switch fault {
        case "lost": try Files.remove(file)
        case "cut": try Files.replace(file, with: Array(bytes.dropLast()))
        default: try Files.replace(file, with: bytes)
        }
        let answer = try host.succeed(host.publication() + ["--json"]).json
        let pool = name.contains("pack") ? "3.pack" : "3.pool"
        #expect(try strings(answer, "mended") == ["patches/lean-host/stable/x86_64/\(pool)"])
        #expect(try contents() == before)
        #expect(try read(manifest) == signed)
        try host.change("upgrade")
        try host.expectAgreement(["3", "1"])
    }

    @Test("a pool whose bases were pruned cannot be made again: it is told, and hosts do without") func lost() throws {
        try host.succeed("release", "prune", host.origin.string, "--keep", "1", "--key", host.key.string)
        // The build store has them, too.
        try Files.removeTree(host.buildsPath.appending("refs/heads/lean-host"))
        try host.sysroot.ostree("prune", "--refs-only", "--repo=\(host.buildsPath)")
        try host.build(HostFixture.image("3"))
        for name in files.prefix(2) { try Files.remove(folder.appending(name)) }
        let answer = try host.succeed(host.publication() + ["--json"]).json
        #expect(try strings(answer, "lost") == ["patches/lean-host/stable/x86_64/3.pool"])
        #expect(try host.succeed(host.publication()).text.contains("cannot be made again"))
        try host.change("upgrade")
        try host.expectAgreement(["3", "1"])
    }

    @Test("a full pack is not added to a published release") func added() throws {
        let host = try HostFixture()
        host.fullPack = true
        let result = try host.hostctl(host.publication())
        expect(result, 1, "without a full pack")
        #expect(result.errorText.contains("publish under a new version"))
    }

    @Test("pruning removes a release's full pack with it") func prune() throws {
        host.fullPack = false
        try host.publish("4")
        try host.succeed("release", "prune", host.origin.string, "--keep", "1", "--key", host.key.string)
        #expect(try Files.names(in: folder).sorted() == ["4.index", "4.pool"])
    }

    @Test(
        "publishing with a full pack that is killed is completed, and leaves nothing torn",
        arguments: [
            "publish.before-full-pack", "publish.after-full-pack", "publish.after-patches:2", "publish.after-manifest",
        ])
    func killed(_ point: String) throws {
        try host.build(HostFixture.image("4"))
        let result = try host.hostctl(host.publication(), environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(result.errorText)")
        try host.succeed(host.publication())
        let names = try Files.names(in: folder)
        #expect(names.sorted() == (files + ["4.index", "4.pack", "4.packindex", "4.pool"]).sorted())
        try host.change("upgrade")
        try host.expectAgreement(["4", "1"])
    }

    @Test("a full pack that a killed publication left goes when the next one makes none") func withdrawn() throws {
        try host.build(HostFixture.image("4"))
        let point = ["HOSTCTL_FAULT_POINT": "publish.after-patches:2"]
        _ = try host.hostctl(host.publication(), environment: point)
        host.fullPack = false
        try host.succeed(host.publication())
        #expect(try Files.names(in: folder).sorted() == (files + ["4.index", "4.pool"]).sorted())
    }

    @Test(
        "mending that is killed is completed by publishing again",
        arguments: ["publish.before-mending", "publish.after-pool", "publish.after-patches", "publish.after-mending"])
    func killedMending(_ point: String) throws {
        let before = try contents()
        for name in files { try Files.remove(folder.appending(name)) }
        let result = try host.hostctl(host.publication(), environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(result.errorText)")
        try host.change("upgrade")
        try host.succeed(host.publication())
        #expect(try contents() == before)
    }
}
