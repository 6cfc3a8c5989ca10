import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct FreedSpaceTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder(inMemory: true)
        try folder.write("tree/a", [UInt8](repeating: 1, count: 5000))
        try folder.write("tree/below/b", [1])
    }

    private func blocks(_ relative: String) throws -> Int64 {
        var status = stat()
        let path = folder.path.appending(relative).string
        try retrying("examine", path) { lstat(path, &status) }
        return Int64(status.st_blocks) * 512
    }

    @Test("a tree gives back the blocks of everything in it, and what is missing gives nothing")
    func tree() throws {
        var space = FreedSpace()
        let all = try ["tree", "tree/a", "tree/below", "tree/below/b"].map(blocks).reduce(0, +)
        #expect(try space.addTree(folder.path.appending("tree")) == all)
        #expect(try space.addTree(folder.path.appending("gone")) == 0)
        #expect(space.bytes == all)
    }

    @Test("a file with two names gives nothing back with the first, and everything with the last")
    func hardLinks() throws {
        let (a, other) = (folder.path.appending("tree/a"), folder.path.appending("other"))
        #expect(link(a.string, other.string) == 0)
        var space = FreedSpace()
        #expect(try space.addTree(a) == 0)
        #expect(try space.addTree(other) == blocks("other"))
    }

    @Test("a tree far deeper than a process may have open files is counted")
    func deep() throws {
        let tree = folder.path.appending("tree")
        defer { #expect(throws: Never.self) { try Files.removeTree(tree) } }
        var current = try Descriptor(opening: tree.string, flags: O_DIRECTORY)
        for _ in 0..<3000 {
            try retrying("make", "d") { mkdirat(current.raw, "d", 0o755) }
            current = try Descriptor(opening: "d", relativeTo: current.raw, flags: O_DIRECTORY)
        }
        try retrying("make", "f") { symlinkat("x", current.raw, "f") }
        var space = FreedSpace()
        #expect(try space.addTree(tree) >= blocks("tree/a"))
    }

    @Test("a link to a folder is not followed")
    func symbolicLink() throws {
        try Files.makeLink(folder.path.appending("link"), target: "tree")
        var space = FreedSpace()
        #expect(try space.addTree(folder.path.appending("link")) == blocks("link"))
    }

    @Test("a temporary file is abandoned when nobody holds its lock, and any link is")
    func abandoned() throws {
        let path = try folder.write(".hostctl-1.tmp", [1])
        #expect(Files.isTemporary(".hostctl-1.tmp"))
        #expect(!Files.isTemporary("hostctl-1.tmp"))
        #expect(Files.isAbandoned(path))
        let held = try Descriptor(opening: path.string)
        #expect(flock(held.raw, LOCK_EX | LOCK_NB) == 0)
        #expect(!Files.isAbandoned(path))
        try Files.makeLink(folder.path.appending(".hostctl-2.tmp"), target: "nowhere")
        #expect(Files.isAbandoned(folder.path.appending(".hostctl-2.tmp")))
        withExtendedLifetime(held) {}
    }
}
