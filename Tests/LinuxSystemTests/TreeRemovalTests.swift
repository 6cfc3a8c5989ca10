import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct TreeRemovalTests {
    private let folder: TemporaryFolder
    private var tree: FilePath { folder.path.appending("tree") }

    init() throws {
        folder = try TemporaryFolder()
        try folder.write("tree/a/b/file", text: "content")
        try folder.write("outside/file", text: "content")
    }

    private func expectRemoved() throws {
        #expect(try Files.names(in: folder.path) == ["outside"])
        #expect(try folder.read("outside/file") == Array("content".utf8))
    }

    @Test("a tree is removed, and a missing one is fine")
    func removes() throws {
        for _ in 0..<2 { try Files.removeTree(tree) }
        try expectRemoved()
    }

    @Test("links inside are removed, never followed")
    func links() throws {
        for target in ["../outside", "../outside/file", "/", "nowhere"] {
            let name = target.replacing("/", with: "-")
            try Files.replaceLink(tree.appending("to\(name)"), target: target)
        }
        try Files.removeTree(tree)
        try expectRemoved()
    }

    @Test("a link in the tree's own place is removed, not what it leads to")
    func linkItself() throws {
        try Files.removeTree(tree)
        try Files.replaceLink(tree, target: "outside")
        try Files.removeTree(tree)
        try expectRemoved()
    }

    @Test("a single file, a pipe and a socket's place are removed")
    func others() throws {
        #expect(mkfifo(tree.appending("pipe").string, 0o600) == 0)
        #expect(mknod(tree.appending("socket").string, Glibc.S_IFSOCK | 0o600, 0) == 0)
        try Files.removeTree(tree)
        try Files.removeTree(try folder.write("file", text: ""))
        try expectRemoved()
    }

    @Test("names that are not UTF-8 are removed too")
    func notText() throws {
        let raw: [CChar] = tree.string.utf8.map { CChar(bitPattern: $0) } + [0x2f, -1, 0]
        #expect(mkdir(raw, 0o755) == 0)
        #expect(mkdir(raw.dropLast() + [0x2f, -2, 0], 0o755) == 0)
        try Files.removeTree(tree)
        try expectRemoved()
    }

    @Test("a file system mounted inside is neither entered nor removed")
    func otherFileSystem() throws {
        let line = """
            mount -t tmpfs tmpfs $1/a/b; echo kept > $1/a/b/kept
            ! $0 remove $1 2>/dev/null || exit 9
            cat $1/a/b/kept
            """
        let result = try Trial.shell(line, tree.string)
        #expect(result.text.split(separator: "\n").last == "kept", "\(result.text)\(result.errorText)")
    }

    @Test("a bind mount of the same file system is neither entered nor removed")
    func bindMount() throws {
        let line = "mount --bind $2 $1/a/b; ! $0 remove $1 2>/dev/null || exit 9; umount $1/a/b"
        let result = try Trial.shell(line, tree.string, folder.path.appending("outside").string)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
        #expect(result.text.contains("cannot remove \(tree)/a/b"))
        #expect(try folder.read("outside/file") == Array("content".utf8))
    }

    @Test("a tree that is itself a mount keeps its content")
    func mountItself() throws {
        let line = "mount --bind $2 $1; ! $0 remove $1 2>/dev/null || exit 9; umount $1"
        let result = try Trial.shell(line, tree.string, folder.path.appending("outside").string)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
        #expect(try folder.read("outside/file") == Array("content".utf8))
    }

    @Test("immutable and append-only files and folders are removed")
    func immutable() throws {
        for (path, flag) in [("a/b/file", Int32(0x10)), ("a/b", 0x10), ("a", 0x20), ("", 0x10)] {
            let file = try Descriptor(opening: tree.appending(path).string)
            var flags: Int32 = 0
            guard hostctl_get_flags(file.raw, &flags) == 0 else { return }  // a file system without flags
            #expect(hostctl_set_flags(file.raw, flags | flag) == 0)
        }
        try Files.removeTree(tree)
        try expectRemoved()
    }

    @Test("a tree is removed where /proc is missing")
    func withoutProc() throws {
        #expect(try Trial.shell("umount -l /proc; exec $0 remove $1", tree.string).status == 0)
        try expectRemoved()
    }

    @Test("a tree far deeper than a process may have open files is removed")
    func deep() throws {
        var current = try Descriptor(opening: tree.string, flags: O_DIRECTORY)
        for _ in 0..<3000 {
            try retrying("make", "d") { mkdirat(current.raw, "d", 0o755) }
            current = try Descriptor(opening: "d", relativeTo: current.raw, flags: O_DIRECTORY)
        }
        let result = try Trial.shell("ulimit -n 128; exec $0 remove $1", tree.string)
        #expect(result.status == 0, "\(result.text)")
        try expectRemoved()
    }

    @Test("a tree that two remove at once is gone in the end")
    func race() throws {
        for index in 0..<500 { try Files.makeFolder(tree.appending("\(index)/below")) }
        let tree = tree
        do {
            try Workers.run(2) { _, _ in try Files.removeTree(tree) }
        } catch let error as SystemError {
            #expect(error.code == .noSuchFileOrDirectory)
            try Files.removeTree(tree)
        }
        try expectRemoved()
    }
}
