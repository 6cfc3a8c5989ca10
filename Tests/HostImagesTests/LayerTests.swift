import Archives
import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

/// Layers of an image, read one over the other.
private final class Layers {
    let folder: TemporaryFolder
    let transaction: StoreTransaction
    let tree = TreeFolder()

    init() throws {
        folder = try TemporaryFolder()
        transaction = try StoreTransaction(Store.create(at: folder.path.appending("store"), mode: .bare))
    }

    /// Reads one archive over what is there.
    func add(_ bytes: [UInt8], whiteouts: Bool = true, limits: ArchiveLimits = ArchiveLimits()) throws {
        let file = try folder.write("layer.tar", bytes)
        let reader = TarReader(FileSource(try Descriptor(opening: file.string)), limits: limits)
        var layer = LayerReader(reader, BareObjectWriter(transaction), over: tree, hasWhiteouts: whiteouts)
        try tree.apply(layer.read())
    }

    func add(_ entries: TarEntry..., whiteouts: Bool = true) throws { try add(archive(entries), whiteouts: whiteouts) }

    /// The text of a file, a link's target after an arrow, "/" for a folder, `nil` for nothing.
    func text(_ path: String) throws -> String? {
        switch tree[path] {
        case .file(let file)?: String(decoding: try file.read(limit: 1000), as: UTF8.self)
        case .link(let link)?: "-> \(link.target)"
        case .folder?: "/"
        case nil: nil
        }
    }
}

/// An archive; a file's content is its path.
private func archive(_ entries: [TarEntry]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let writer = TarWriter { bytes.append(contentsOf: $0) }
    for entry in entries {
        try writer.add(entry)
        if case .file = entry.kind { try entry.path.withUnsafeBytes { try writer.append($0) } }
    }
    try writer.finish()
    return bytes
}

private func file(_ path: String) -> TarEntry {
    TarEntry(path: Array(path.utf8), kind: .file(size: Int64(path.utf8.count)), permissions: 0o644)
}
private func folder(_ path: String, _ permissions: UInt32 = 0o755) -> TarEntry {
    TarEntry(path: Array(path.utf8), kind: .folder, permissions: permissions)
}
private func link(_ path: String, _ target: String) -> TarEntry {
    TarEntry(path: Array(path.utf8), kind: .link(target: Array(target.utf8)), permissions: 0o777)
}
private func hardLink(_ path: String, _ target: String) -> TarEntry {
    TarEntry(path: Array(path.utf8), kind: .hardLink(target: Array(target.utf8)), permissions: 0o644)
}

@Suite("layers become a tree") struct LayerTests {
    private let layers: Layers

    init() throws { layers = try Layers() }

    @Test("an upper layer adds, replaces and takes away")
    func whiteouts() throws {
        try layers.add(folder("etc/", 0o700), file("etc/a"), file("etc/b"), file("usr/lib/x"))
        try layers.add(file("etc/.wh.a"), file("etc/c"), file("usr/.wh.lib"))
        #expect(try layers.text("etc/a") == nil)
        #expect(try layers.text("etc/b") == "etc/b")
        #expect(try layers.text("etc/c") == "etc/c")
        #expect(try layers.text("usr/lib") == nil)
        #expect(layers.tree.folder(at: "etc")?.attributes.permissions == 0o700, "an implied folder changes nothing")
        try layers.add(folder("etc/", 0o755))
        #expect(layers.tree.folder(at: "etc")?.attributes.permissions == 0o755)
    }

    @Test("a whiteout concerns what lies below, never the layer's own files, in whatever order they come")
    func ownFiles() throws {
        try layers.add(file("d/old"), file("e/old"))
        try layers.add(file("d/new"), file("d/.wh..wh..opq"), file("e/.wh.old"), file("e/old"))
        #expect(layers.tree.folder(at: "d")?.sortedNames == ["new"])
        #expect(try layers.text("e/old") == "e/old")
    }

    @Test("names of whiteouts are names like others in an archive that is no layer, and AUFS's own are left out")
    func names() throws {
        try layers.add(file(".wh.a"), whiteouts: false)
        #expect(try layers.text(".wh.a") == ".wh.a")
        try layers.add(file(".wh..wh.plnk/x"), file(".wh..wh.aufs"), file("b"))
        #expect(layers.tree.sortedNames == [".wh.a", "b"])
    }

    @Test("a folder takes the place of a file, a file that of a folder")
    func kinds() throws {
        try layers.add(file("x/deep/file"), file("y"))
        try layers.add(file("x"), folder("y"), file("y/z"))
        #expect(try layers.text("x") == "x")
        #expect(try layers.text("y/z") == "y/z")
    }

    @Test("of an entry that is there twice the last one counts, and a hard link keeps what it named")
    func duplicates() throws {
        let first = TarEntry(path: Array("a".utf8), kind: .file(size: 1), permissions: 0o600)
        try layers.add(first, hardLink("b", "./a"), file("a"), folder("d", 0o700), folder("d", 0o711))
        #expect(try layers.text("a") == "a")
        guard case .file(let old)? = layers.tree["b"] else { throw ImageError.needsRoot }
        #expect(old.attributes.permissions == 0o600)
        #expect(layers.tree.folder(at: "d")?.attributes.permissions == 0o711)
    }

    @Test("a hard link may name a file of a layer below")
    func lowerLink() throws {
        try layers.add(file("usr/bin/a"))
        try layers.add(hardLink("usr/bin/b", "usr/bin/a"))
        #expect(try layers.text("usr/bin/b") == "usr/bin/a")
    }

    @Test("devices are left out where a running system makes its own")
    func devices() throws {
        let null = TarEntry(
            path: Array("dev/null".utf8), kind: .characterDevice(major: 1, minor: 3), permissions: 0o666)
        try layers.add(folder("dev"), null)
        #expect(layers.tree.folder(at: "dev")?.entries.isEmpty == true)
    }
}

@Suite("hostile layers") struct HostileLayerTests {
    private let layers: Layers

    init() throws { layers = try Layers() }

    private func refuse(_ entries: TarEntry..., sourceLocation: SourceLocation = #_sourceLocation) throws {
        let bytes = try archive(entries)
        #expect(throws: ImageError.self, sourceLocation: sourceLocation) { try layers.add(bytes) }
    }

    @Test("a whiteout or a file does not go through a planted link, of the same layer or one below")
    func plantedLink() throws {
        try refuse(link("evil", "/usr"), file("evil/.wh.bin"))
        try refuse(link("evil", "usr"), file("evil/.wh..wh..opq"))
        try refuse(link("evil", "/etc"), file("evil/passwd"))
        try layers.add(folder("usr"), file("usr/bin"), link("planted", "usr"))
        try refuse(file("planted/.wh.bin"))
        try refuse(file("planted/bin"))
        #expect(try layers.text("usr/bin") == "usr/bin")
    }

    @Test("a hard link never goes through a link, to a folder, out of the archive, or to what is not there")
    func hardLinks() throws {
        try layers.add(file("etc/shadow"), link("d", "etc"))
        try refuse(hardLink("x", "d/shadow"))
        try refuse(hardLink("x", "etc"))
        for target in ["/etc/shadow", "../etc/shadow", "etc/../etc/shadow", "later", "./"] {
            try refuse(hardLink("x", target), file("later"))
        }
        try refuse(hardLink("x", "x"))
    }

    @Test(
        "paths that lead out of the tree are refused", arguments: ["../x", "/x", "a/../../x", "a/..", "a//b", "a/./b"])
    func paths(path: String) throws { try refuse(file(path)) }

    @Test("whiteouts of what is no name are refused", arguments: [".wh.", ".wh..", ".wh...", "d/.wh.", ".wh.a/b"])
    func whiteoutNames(path: String) throws {
        try layers.add(file("a"), file("d/b"))
        try refuse(file(path))
        #expect(try layers.text("a") == "a")
    }

    @Test("two names that Unicode takes for one are refused instead of one being lost")
    func spelling() throws {
        try refuse(file("é"), file("e\u{301}"))
        try layers.add(file("é"))
        try refuse(file("e\u{301}"))
        // The other spelling takes nothing away.
        try layers.add(file(".wh.e\u{301}"))
        #expect(try layers.text("é") == "é")
    }

    @Test("a device that would be part of the image is refused")
    func device() throws {
        try refuse(
            TarEntry(path: Array("usr/disk".utf8), kind: .blockDevice(major: 8, minor: 0), permissions: 0o666))
    }

    @Test("folders that are only implied by a path count as entries")
    func impliedFolders() throws {
        let deep = (0..<20).map { file("\($0)/" + String(repeating: "d/", count: 50) + "f") }
        let bytes = try archive(deep)
        let error = #expect(throws: ArchiveError.self) { try layers.add(bytes, limits: ArchiveLimits(entries: 500)) }
        if case .limitExceeded? = error {} else { Issue.record("\(String(describing: error))") }
    }

    @Test("a root that is a link is refused")
    func root() throws { try refuse(link("./", "/")) }
}
