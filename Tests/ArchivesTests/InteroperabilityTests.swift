import Archives
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite("archives of other programs, and ours in them") struct InteroperabilityTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A tree with what archives have.
    private func makeTree() throws -> FilePath {
        let tree = folder.path.appending("tree")
        try folder.write("tree/usr/bin/tool", text: "tool\n", mode: 0o755)
        let long = String(repeating: "ä", count: 60) + "/" + String(repeating: "b", count: 120)
        try folder.write("tree/\(long)/file", text: "far away\n")
        try folder.write("tree/e\u{301}", text: "decomposed\n")
        try folder.write("tree/empty", text: "")
        try folder.write("tree/large", [UInt8](repeating: 7, count: 300_000))
        let far = String(repeating: "target/", count: 30)
        for (target, name) in [("usr/bin/tool", "link"), (far, "far")] {
            try retrying("link", name) { symlink(target, tree.appending(name).string) }
        }
        try retrying("link", "hard") {
            link(tree.appending("usr/bin/tool").string, tree.appending("usr/bin/same").string)
        }
        return tree
    }

    private func tool(_ command: String...) throws -> ProcessResult {
        let result = try run(command)
        try #require(result.status == 0, "\(command): \(result.errorText)")
        return result
    }

    @Test(
        "every format of GNU tar and bsdtar is read the same",
        arguments: [
            "/usr/bin/tar --format=gnu", "/usr/bin/tar --format=pax", "/usr/bin/bsdtar --format=pax",
            "/usr/bin/bsdtar --format=gnutar",
        ])
    func formats(command: String) throws {
        let tree = try makeTree()
        let words = command.split(separator: " ").map(String.init)
        let result = try run(words + ["-C", tree.string, "-cf", "-", "."], environment: ["LC_ALL": "C.UTF-8"])
        try #require(result.status == 0, "\(result.errorText)")
        let found = try contents(result.output)
        var names = Set<String>()
        for (entry, content) in found {
            let path = try #require(TarPath.names(entry.path)).joined(separator: "/")
            names.insert(path)
            switch path {
            case "large": #expect(content == [UInt8](repeating: 7, count: 300_000))
            case "link": #expect(entry.kind == .link(target: Array("usr/bin/tool".utf8)))
            case "usr/bin/tool", "usr/bin/same":
                if case .hardLink(let target) = entry.kind {
                    #expect(TarPath.names(target)?.prefix(2) == ["usr", "bin"])
                } else {
                    #expect(entry.permissions == 0o755)
                    #expect(content == Array("tool\n".utf8))
                }
            default: break
            }
        }
        #expect(names.count == 13, "\(names.sorted())")
        #expect(found.contains { $0.entry.path.elementsEqual("./e\u{301}".utf8) }, "a name keeps its Unicode form")
        #expect(found.contains { if case .link(let target) = $0.entry.kind { target.count == 210 } else { false } })
    }

    @Test("gzip, zstd and xz of the stock programs, also in several parts", arguments: Compression.allCases)
    func compressions(compression: Compression) throws {
        let bytes = try written([file("a", "1"), file("b", String(repeating: "2", count: 600_000))])
        var packed = compression == .none ? bytes : try compressed(bytes, compression, folder)
        var source = try DecompressedSource(MemorySource(packed, portion: 1000))
        #expect(source.compression == compression)
        #expect(try contents(source).map(\.content.count) == [1, 600_000])
        if compression == .none { return }
        packed = try compressed(Array(bytes[..<3000]), compression, folder)
        packed += try compressed(Array(bytes[3000...]), compression, folder)
        source = try DecompressedSource(MemorySource(packed))
        #expect(try contents(source).count == 2)
    }

    @Test("zstd frames that decoders skip, which other tools hide tables in, change nothing")
    func skippable() throws {
        let frame: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3]
        let packed = try compressed(written([file("a", "1")]), .zstd, folder)
        #expect(try contents(DecompressedSource(MemorySource(packed + frame))).count == 1)
        #expect(try contents(DecompressedSource(MemorySource(frame + packed))).count == 1)
    }

    @Test("what we write, GNU tar and bsdtar unpack", arguments: ["/usr/bin/tar", "/usr/bin/bsdtar"])
    func unpacked(program: String) throws {
        let long = String(repeating: "ä", count: 60) + "/" + String(repeating: "b", count: 120)
        var entries: [(TarEntry, [UInt8])] = [
            (TarEntry(path: Array("./".utf8), kind: .folder, permissions: 0o755), []),
            file("./\(long)", "far away"), file("./name with\nnew line", "x"),
        ]
        entries[1].0.modified = 1_700_000_000
        let target = Array("somewhere/\(long)".utf8)
        entries.append((TarEntry(path: Array("./link".utf8), kind: .link(target: target), permissions: 0o777), []))
        entries[2].0.attributes = [.init(name: Array("user.note".utf8), value: [0, 10, 255, 61])]
        if geteuid() == 0 { (entries[2].0.uid, entries[2].0.gid) = (70_000, 3_000_000) }
        let archive = try folder.write("ours.tar", written(entries))
        let out = folder.path.appending("out")
        try Files.makeFolder(out)
        let options = program.hasSuffix("bsdtar") ? ["-x"] : ["-x", "--xattrs", "--xattrs-include=*"]
        let result = try run(
            [program] + options + ["-p", "-C", out.string, "-f", archive.string], environment: ["LC_ALL": "C.UTF-8"])
        try #require(result.status == 0, "\(result.errorText)")
        #expect(try Files.read(out.appending(long), limit: 100) == Array("far away".utf8))
        #expect(Files.linkTarget(out.appending("link")) == "somewhere/\(long)")
        var status = stat()
        #expect(stat(out.appending(long).string, &status) == 0 && status.st_mtim.tv_sec == 1_700_000_000)
        #expect(stat(out.appending("name with\nnew line").string, &status) == 0)
        if geteuid() == 0 { #expect(status.st_uid == 70_000 && status.st_gid == 3_000_000) }
        let note = try tool(
            "/usr/bin/getfattr", "--only-values", "-n", "user.note", out.appending("name with\nnew line").string)
        #expect(note.output == [0, 10, 255, 61])
    }

    @Test("what we write, we read")
    func roundTrip() throws {
        let long = Array(("d/" + String(repeating: "ü", count: 100)).utf8)
        let entries: [TarEntry] = [
            TarEntry(path: Array("d/".utf8), kind: .folder, permissions: 0o2755, uid: 1, gid: 2, modified: 3),
            TarEntry(
                path: long, kind: .link(target: long), permissions: 0o777, uid: 4_000_000_000, gid: 3_000_000,
                attributes: [.init(name: Array("trusted.x".utf8), value: Array("a=b\n9 c=d\n".utf8))]),
            TarEntry(path: Array("null".utf8), kind: .characterDevice(major: 1, minor: 3), permissions: 0o666),
            TarEntry(path: Array("disk".utf8), kind: .blockDevice(major: 8, minor: 1), permissions: 0o660),
            TarEntry(path: Array("pipe".utf8), kind: .pipe, permissions: 0o600),
            TarEntry(path: Array("hard".utf8), kind: .hardLink(target: Array("null".utf8)), permissions: 0o666),
        ]
        let bytes = try written(entries.map { ($0, []) })
        #expect(try contents(bytes).map(\.entry) == entries)
        #expect(bytes.count % 10240 == 0)
        #expect(try written(entries.map { ($0, []) }) == bytes)
    }

    @Test(
        "paths that do not name one place below the root are none",
        arguments: [
            "", "/", "/etc", "..", "../x", "a/../b", "a/..", "a//b", "a/./b", "//", "a/b//", ".//a", "x\u{0}y",
            "a/" + String(repeating: "n", count: 256),
        ])
    func badPaths(path: String) { #expect(TarPath.names(Array(path.utf8)) == nil) }

    @Test("a path that is not UTF-8 is none")
    func otherBytes() { #expect(TarPath.names([0x61, 0xFF]) == nil) }

    @Test(
        "paths as tar writes them",
        arguments: [
            ("./", []), (".", []), ("./usr/", ["usr"]), ("usr/bin", ["usr", "bin"]), ("./a...", ["a..."]),
            ("...", ["..."]), (" ", [" "]),
        ])
    func goodPaths(path: String, names: [String]) { #expect(TarPath.names(Array(path.utf8)) == names) }
}
