import ObjectFormats
import TestSupport
import Testing

/// What happened to packages, in dpkg's order of versions.
@Suite struct PackageTests {
    private static let versions = [
        "0", "00", "1", "1.0", "1.00", "1.0-1", "1.0-0", "1.0-1~bpo12+1", "1.0~rc1", "1.0~~", "1.0~", "1.0+b1", "1.0a",
        "1.0.1", "1.10", "1.9", "0:1.0", "1:0.1", "2:1", "10:1", "1.0-1.1", "1.0-10", "1.0-9", "6.1.0-25", "6.1.0-9",
        "2.36-9+deb12u10", "2.36-9+deb12u9", "1.2.3-4-5", "1.2.3-4", "a", "A", "z", "1.0A", "1.0Z", "1.0+", "1.0-+",
        "99999999999999999999", "99999999999999999998", "100000000000000000000", "1.01", "1.001", "7+", "7~",
    ]

    @Test("versions are ordered as dpkg orders them")
    func order() throws {
        let sorted = Self.versions.sorted { DebianVersion($0) < DebianVersion($1) }
        for (left, right) in zip(sorted, sorted.dropFirst()) {
            let relation = DebianVersion(left) < DebianVersion(right) ? "lt" : "eq"
            let result = try run(["/usr/bin/dpkg", "--compare-versions", left, relation, right])
            #expect(result.status == 0, "\(left) \(relation) \(right)")
        }
    }

    @Test("an order is one: equal, less and greater exclude each other")
    func consistency() {
        for left in Self.versions.map(DebianVersion.init) {
            for right in Self.versions.map(DebianVersion.init) {
                #expect([left < right, left == right, right < left].count { $0 } == 1)
            }
        }
    }

    private func package(_ name: String, _ version: String, _ architecture: String = "amd64") -> InstalledPackage {
        InstalledPackage(name: name, version: version, architecture: architecture, installedKiB: 1)
    }

    @Test("added, removed, upgraded, downgraded, and what is the same in neither")
    func difference() {
        let difference = PackageDifference(
            from: [
                package("a", "1"), package("b", "1.10"), package("c", "1"), package("d", "2"), package("same", "1"),
            ],
            to: [package("same", "1"), package("a", "1.1"), package("b", "1.9"), package("d", "2"), package("e", "1")])
        #expect(difference.upgraded.map(\.name) == ["a"])
        #expect(difference.downgraded.map { "\($0.name) \($0.old) \($0.new)" } == ["b 1.10 1.9"])
        #expect(difference.removed.map(\.name) == ["c"])
        #expect(difference.added.map(\.name) == ["e"])
    }

    @Test("two architectures of one package are two packages; one that changes its own is the same one")
    func architectures() {
        let both = PackageDifference(
            from: [package("libc6", "1"), package("libc6", "1", "i386")],
            to: [package("libc6", "2"), package("libc6", "1", "i386")])
        #expect(both.upgraded.map(\.architecture) == ["amd64"])
        #expect(both.added.isEmpty && both.removed.isEmpty)
        let moved = PackageDifference(from: [package("x", "1", "all")], to: [package("x", "2")])
        #expect(moved.upgraded.map(\.name) == ["x"])
        let dropped = PackageDifference(
            from: [package("x", "1"), package("x", "1", "i386")], to: [package("x", "1")])
        #expect(dropped.removed.map(\.architecture) == ["i386"])
        #expect(dropped.upgraded.isEmpty)
    }

    @Test("a commit of another program has no packages, and rows that are too short are none")
    func rows() {
        let root = Commit(
            metadata: [:], subject: "", timestamp: 0, rootTree: Sample.checksum, rootMetadata: Sample.other)
        #expect(root.packages.isEmpty)
        var damaged = root
        damaged.metadata[Commit.Key.packages] = .rows([["a"], ["b", "1", "all", "x"], ["c", "1", "all", "7"]])
        #expect(damaged.packages.map(\.name) == ["c"])
        damaged.metadata[Commit.Key.packages] = .string("a")
        #expect(damaged.packages.isEmpty)
    }
}
