import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Listing and making folders, and links.
@Suite struct FolderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("names are sorted by their bytes, hidden ones included")
    func sorted() throws {
        for name in ["b", "a", "B", ".c", "ä", "a-", "a."] { try folder.write(name, text: "") }
        #expect(try Files.names(in: folder.path) == [".c", "B", "a", "a-", "a.", "b", "ä"])
    }

    @Test("a name that is not UTF-8 is refused")
    func notText() throws {
        let raw: [CChar] = folder.path.string.utf8.map { CChar(bitPattern: $0) } + [0x2f, -1, 0]
        #expect(mkdir(raw, 0o755) == 0)
        let error = #expect(throws: SystemError.self) { try Files.names(in: folder.path) }
        #expect(error?.code == .illegalByteSequence)
    }

    @Test("names of 255 bytes and a folder of ten thousand are listed whole")
    func large() throws {
        let names = (0..<10_000).map { "\($0)" } + [String(repeating: "n", count: 255)]
        for name in names { close(open(folder.path.appending(name).string, O_CREAT | O_WRONLY, 0o600)) }
        #expect(Set(try Files.names(in: folder.path)) == Set(names))
    }

    @Test("a missing folder has no names where that is allowed, a file is an error everywhere")
    func missing() throws {
        #expect(try Files.namesIfPresent(in: folder.path.appending("missing")) == [])
        let file = try folder.write("file", text: "")
        #expect(throws: SystemError.self) { try Files.namesIfPresent(in: file) }
    }

    @Test("a listing works where /proc is missing")
    func withoutProc() throws {
        try folder.write("file", text: "")
        let result = try Trial.shell("umount -l /proc; exec $0 names $1", folder.path.string)
        #expect(result.text == "file\n", "\(result.errorText)")
    }

    @Test("a link's target is read whole up to the longest that Linux allows")
    func longTarget() throws {
        let target = String(repeating: "t", count: 4095)
        let link = folder.path.appending("link")
        try Files.replaceLink(link, target: target)
        #expect(Files.linkTarget(link) == target)
        #expect(throws: SystemError.self) { try Files.replaceLink(link, target: target + "tt") }
        #expect(Files.linkTarget(link) == target)
        #expect(try Files.names(in: folder.path) == ["link"])
    }

    @Test("what is no link, and a target that is not UTF-8, have no target")
    func noTarget() throws {
        #expect(Files.linkTarget(folder.path) == nil)
        let link = folder.path.appending("link")
        #expect(symlink([-1, -2, 0], link.string) == 0)
        #expect(Files.linkTarget(link) == nil)
        #expect(Files.exists(link))
    }

    @Test("folders are made with those above them, and a second time is fine")
    func makeFolder() throws {
        let deep = folder.path.appending("a/b/../c/d")
        try Files.makeFolder(deep)
        try Files.makeFolder(deep)
        #expect(Files.isFolder(folder.path.appending("a/c/d")))
    }

    @Test("many threads that make one deep folder all succeed")
    func makeFolderRace() throws {
        let path = folder.path
        for round in 0..<20 {
            try Workers.run(8) { _, _ in try Files.makeFolder(path.appending("\(round)/a/b/c")) }
        }
        #expect(try Files.names(in: path).count == 20)
    }

    @Test("a file or a dangling link where a folder has to be is an error, not an endless search")
    func makeFolderBlocked() throws {
        let file = try folder.write("file", text: "")
        let link = folder.path.appending("link")
        try Files.replaceLink(link, target: "nowhere")
        for blocked in [file, file.appending("below"), link, link.appending("below")] {
            #expect(throws: SystemError.self) { try Files.makeFolder(blocked) }
        }
    }

    @Test("a link to a folder counts as a folder that exists")
    func makeFolderLink() throws {
        try Files.makeFolder(folder.path.appending("real"))
        let link = folder.path.appending("link")
        try Files.replaceLink(link, target: "real")
        try Files.makeFolder(link)
        try Files.makeFolder(link.appending("below"))
        #expect(Files.isFolder(folder.path.appending("real/below")))
    }

    @Test("a file is removed once, and again without an error")
    func remove() throws {
        let file = try folder.write("file", text: "")
        for _ in 0..<2 { try Files.remove(file) }
        #expect(!Files.exists(file))
        #expect(throws: SystemError.self) { try Files.remove(folder.path) }
    }
}
