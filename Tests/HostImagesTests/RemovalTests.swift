import ObjectFormats
import ObjectStorage
import Settings
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

@Suite("removals") struct RemovalTests {
    let folder: TemporaryFolder
    let tree = sampleTree()

    init() throws {
        folder = try TemporaryFolder()
        tree["var/lib/dpkg/info/systemd:amd64.list"] = file("/.\n/usr\n/usr/bin\n/usr/bin/systemctl\n/lib/shared.txt\n")
        tree["var/lib/dpkg/info/ca-certificates.list"] = file(
            "/.\n/usr\n/usr/share/ca\n/usr/share/ca/a\n/usr/lib/shared.txt\n")
        tree["var/lib/dpkg/info/ca-certificates.postinst"] = file("#!/bin/sh\n")
        for path in ["usr/bin/systemctl", "usr/lib/shared.txt", "usr/share/ca/a"] { tree[path] = file("x") }
    }

    private func read(_ text: String) throws -> [Removal] {
        try folder.write("removals.conf", text: text)
        return try Removal.read(folder.path, dropIns: [folder.path.appending("removals.conf.d")])
    }

    @discardableResult
    private func remove(_ text: String, replaced: Set<String> = []) throws -> RemovalStage.Removed {
        try RemovalStage(tree: tree, removals: try read(text), replaced: replaced).run()
    }

    @Test("each [Removal] is one of its own, with its reason and its place; drop-ins add to them")
    func reading() throws {
        try folder.write("removals.conf.d/50.conf", text: "[Removal]\nReason=c\nPaths=/z\n")
        let removals = try read("[Removal]\nReason=a\nPackages=x y\n\n[Removal]\nReason=b\nPaths=/p /q\nKeep=/p/k\n")
        #expect(removals.map(\.reason) == ["a", "b", "c"])
        #expect(removals[0].packages == ["x", "y"] && removals[0].paths == [])
        #expect(removals[1].paths == ["/p", "/q"] && removals[1].kept == ["/p/k"])
        #expect(removals[1].place == "\(folder.path)/removals.conf:6")
    }

    @Test(
        "a removal without a reason, without anything to remove or with a relative path is refused",
        arguments: ["Packages=x", "Reason=a", "Reason=a\nPaths=usr/x", "Reason=a\nPaths=/", "Reason=\nPaths=/x"])
    func refused(text: String) { #expect(throws: SettingsError.self) { try read("[Removal]\n\(text)\n") } }

    @Test("a package goes with its files, its empty folders and its record")
    func package() throws {
        let removed = try remove("[Removal]\nReason=a\nPackages=ca-certificates\n")
        #expect(tree["usr/share/ca"] == nil)
        #expect(tree["usr/bin"] != nil)
        let status = try #require(tree.text("var/lib/dpkg/status"))
        #expect(PackageList.parse(status: status).map(\.name) == ["systemd"])
        #expect(status.contains("Package: old"))
        #expect(tree["var/lib/dpkg/info/ca-certificates.postinst"] == nil)
        #expect(removed["usr/share/ca/a"] == "the package ca-certificates (\(folder.path)/removals.conf:2)")
    }

    @Test("a file that another package has too stays until both go")
    func shared() throws {
        try remove("[Removal]\nReason=a\nPackages=ca-certificates\n")
        #expect(tree["usr/lib/shared.txt"] != nil)
    }

    @Test("a file of two packages that both go is gone")
    func both() throws {
        try remove("[Removal]\nReason=a\nPackages=ca-certificates systemd\n")
        #expect(tree["usr/lib/shared.txt"] == nil)
    }

    @Test("what the recipe put in a package's place stays")
    func replaced() throws {
        tree["usr/bin/systemctl"] = .link(TreeLink(target: "busybox"))
        try remove("[Removal]\nReason=a\nPackages=systemd\n", replaced: ["usr/bin/systemctl"])
        #expect(tree.text("usr/bin/systemctl") == "-> busybox")
    }

    @Test("a file that a hook replaced on disk is the recipe's, an untouched one is the package's")
    func snapshot() throws {
        try folder.write("tree/var/lib/dpkg/info/dash.list", text: "/.\n/bin/sh\n/bin/dash\n/usr\n")
        try folder.write("tree/usr/bin/sh", text: "dash")
        try folder.write("tree/usr/bin/dash", text: "dash")
        let snapshot = try PackageSnapshot(of: folder.path.appending("tree"), packages: ["dash"])
        #expect(snapshot.replaced() == [])
        try folder.write("tree/usr/bin/sh", text: "busybox")
        #expect(snapshot.replaced() == ["usr/bin/sh"])
    }

    @Test("all entries that match nothing are named with their places")
    func unmatched() throws {
        let error = #expect(throws: ImageError.self) {
            try remove("[Removal]\nReason=a\nPackages=nothing systemd\nPaths=/usr/bin/* /no/such /usr/*/none\n")
        }
        guard case .removalsMatchNothing(let entries)? = error else { throw error ?? .needsRoot }
        let place = "\(folder.path)/removals.conf:2"
        #expect(
            entries == ["\(place): nothing", "\(place): /usr/bin/*", "\(place): /no/such", "\(place): /usr/*/none"])
    }

    @Test("a pattern removes what it matches with everything below, except what is to stay")
    func paths() throws {
        for name in ["a/1.so", "a/2.so", "a/keep/x", "b/1.so"] { tree["usr/lib/p/\(name)"] = file("x") }
        let removed = try remove("[Removal]\nReason=a\nPaths=/usr/lib/p/*\nKeep=/usr/lib/p/a/keep\n")
        #expect(tree["usr/lib/p/b"] == nil)
        #expect(tree.folder(at: "usr/lib/p/a")?.sortedNames == ["keep"])
        #expect(removed.keys.sorted() == ["usr/lib/p/a/1.so", "usr/lib/p/a/2.so", "usr/lib/p/b/1.so"])
    }

    @Test("a star never crosses a slash")
    func star() throws {
        tree["usr/lib/p/a/x.so"] = file("x")
        #expect(throws: ImageError.self) { try remove("[Removal]\nReason=a\nPaths=/usr/lib/*.so\n") }
    }

    @Test("a link is removed, never what it leads to")
    func link() throws {
        tree["etc/alias"] = .link(TreeLink(target: "/usr/bin"))
        try remove("[Removal]\nReason=a\nPaths=/etc/alias\n")
        #expect(tree["etc/alias"] == nil && tree["usr/bin/systemctl"] != nil)
    }
}
