import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Replacing and creating.
@Suite struct FilesTests {
    private let folder: TemporaryFolder
    private var file: FilePath { folder.path.appending("file") }

    init() throws { folder = try TemporaryFolder() }

    private func mode(_ path: FilePath) throws -> mode_t {
        try Descriptor(opening: path.string).status().st_mode & 0o7777
    }

    @Test("a replace that is killed before the rename leaves the old file")
    func killedBefore() throws {
        try folder.write("file", text: "old")
        let result = try Trial.run("replace", file.string, "new", at: "replace.before-rename")
        #expect(result.end == .signaled(SIGKILL))
        #expect(try folder.read("file") == Array("old".utf8))
        let leftovers = try Files.names(in: folder.path).filter { $0 != "file" }
        #expect(leftovers.count == 1 && leftovers.allSatisfy { $0.hasPrefix(".") && $0.hasSuffix(".tmp") })
    }

    @Test("a replace that is killed after the rename leaves the new file and nothing else")
    func killedAfter() throws {
        try folder.write("file", text: "old")
        let result = try Trial.run("replace", file.string, "new", at: "replace.after-rename")
        #expect(result.end == .signaled(SIGKILL))
        #expect(try folder.read("file") == Array("new".utf8))
        #expect(try Files.names(in: folder.path) == ["file"])
    }

    @Test("a replace after a killed one succeeds, whatever that left")
    func replacedAgain() throws {
        _ = try Trial.run("replace", file.string, "new", at: "replace.before-rename")
        #expect(try Trial.run("replace", file.string, "newer").status == 0)
        #expect(try folder.read("file") == Array("newer".utf8))
    }

    @Test("a reader sees the old or the new content while many threads replace, never a mixture")
    func threads() throws {
        let contents = (UInt8(0)..<8).map { [UInt8](repeating: $0, count: 20_000) }
        try Files.replace(file, with: contents[0])
        let file = file
        try Workers.run(9) { index, stop in
            for _ in 0..<20 where !stop.isSet {
                if index < 8 {
                    try Files.replace(file, with: contents[index])
                } else {
                    #expect(contents.contains(try Files.read(file, limit: 1 << 20)))
                }
            }
        }
        #expect(try Files.names(in: folder.path) == ["file"])
    }

    @Test("a replaced file has the mode that was asked for under any umask")
    func replaceMode() throws {
        let result = try Trial.shell("umask 0777; exec $0 replace $1 text", file.string)
        #expect(result.status == 0)
        #expect(try mode(file) == 0o644)
    }

    @Test("a replace puts a file in a link's place and leaves the link's target alone")
    func replaceLink() throws {
        let target = try folder.write("target", text: "target")
        try Files.replaceLink(file, target: target.string)
        try Files.replace(file, with: Array("new".utf8))
        #expect(Files.linkTarget(file) == nil)
        #expect(try folder.read("target") == Array("target".utf8))
    }

    @Test("a replace of a folder fails and leaves no temporary file")
    func replaceFolder() throws {
        try Files.makeFolder(file)
        let error = #expect(throws: SystemError.self) { try Files.replace(file, with: []) }
        #expect(error?.code == .isDirectory)
        #expect(try Files.names(in: folder.path) == ["file"])
    }

    @Test("a replace without room for the content keeps the old file and leaves no temporary file")
    func replaceWithoutSpace() throws {
        let line = """
            mount -t tmpfs -o size=64k tmpfs $1; $0 replace $1/file old
            $0 replace $1/file "$(head -c 100000 /dev/zero | tr '\\0' x)" | grep '; free some space' || exit 9
            cat $1/file; ls -A $1
            """
        let result = try Trial.shell(line, folder.path.string)
        #expect(result.text.split(separator: "\n").last == "oldfile", "\(result.text)\(result.errorText)")
    }

    @Test("a file in the current folder can be replaced by its bare name")
    func bareName() throws {
        #expect(try Trial.shell("cd $1; exec $0 replace file text", folder.path.string).status == 0)
        #expect(try folder.read("file") == Array("text".utf8))
    }

    @Test("create never overwrites")
    func createExisting() throws {
        try folder.write("file", text: "old")
        let error = #expect(throws: SystemError.self) { try Files.create(file, bytes: [1], mode: 0o600) }
        #expect(error?.code == .fileExists)
        #expect(try folder.read("file") == Array("old".utf8))
    }

    @Test("create refuses a dangling link instead of making its target")
    func createThroughLink() throws {
        try Files.replaceLink(file, target: "elsewhere")
        let error = #expect(throws: SystemError.self) { try Files.create(file, bytes: [1], mode: 0o600) }
        #expect(error?.code == .fileExists)
        #expect(try Files.names(in: folder.path) == ["file"])
    }

    @Test("a created file has exactly its mode under any umask", arguments: ["0000", "0022", "0777"])
    func createMode(umask: String) throws {
        #expect(try Trial.shell("umask \(umask); exec $0 create $1 text", file.string).status == 0)
        #expect(try mode(file) == 0o664)
    }

    @Test("of many threads that create one file, one succeeds")
    func createRace() throws {
        let wins = Guarded(0)
        let file = file
        try Workers.run(8) { _, _ in
            do { try Files.create(file, bytes: [1], mode: 0o600) } catch let error as SystemError {
                #expect(error.code == .fileExists)
                return
            }
            wins.with { $0 += 1 }
        }
        #expect(wins.with { $0 } == 1)
    }

    @Test("a file that is larger than the limit is refused, and one that just fits is read")
    func readLimit() throws {
        try folder.write("file", text: "12345")
        #expect(try Files.read(file, limit: 5).count == 5)
        let error = #expect(throws: SystemError.self) { try Files.read(file, limit: 4) }
        #expect(error?.code == .fileTooLarge)
    }

    @Test("a missing file is nothing, a missing folder on the way to it too; other failures are errors")
    func readMissing() throws {
        try folder.write("file", text: "")
        #expect(try Files.readIfPresent(folder.path.appending("missing"), limit: 1) == nil)
        #expect(try Files.readIfPresent(file.appending("below"), limit: 1) == nil)
        #expect(throws: SystemError.self) { try Files.readIfPresent(folder.path, limit: 1) }
    }
}
