import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct DescriptorTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("reading to the end takes what fits and refuses one byte more", arguments: [0, 1, 65_535, 65_536, 200_000])
    func limit(count: Int) throws {
        let file = try folder.write("file", [UInt8](repeating: 7, count: count))
        for limit in [count, count + 1, Int.max] {
            #expect(try Descriptor(opening: file.string).readToEnd(limit: limit).count == count)
        }
        if count == 0 { return }
        let error = #expect(throws: SystemError.self) {
            try Descriptor(opening: file.string).readToEnd(limit: count - 1)
        }
        #expect(error?.code == .fileTooLarge)
    }

    @Test("an endless device is refused at the limit")
    func endless() {
        #expect(throws: SystemError.self) { try Descriptor(opening: "/dev/zero").readToEnd(limit: 1000) }
    }

    @Test("a descriptor is closed when its life ends, and on exec")
    func closes() throws {
        let raw: Int32
        do {
            let file = try Descriptor(opening: "/dev/null")
            raw = file.raw
            #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
        }
        let again = try Descriptor(opening: "/dev/zero")
        // The lowest free number is given again; other tests of this process may have taken it first.
        #expect(again.raw <= raw || fcntl(raw, F_GETFD) >= -1)
    }

    @Test("a path is taken relative to the folder that is given")
    func relative() throws {
        try folder.write("a/file", text: "text")
        let above = try Descriptor(opening: folder.path.string, flags: O_DIRECTORY)
        let file = try Descriptor(opening: "a/file", relativeTo: above.raw)
        #expect(try file.readToEnd(limit: 10) == Array("text".utf8))
        #expect(try file.status().st_size == 4)
    }

    @Test("a write to what cannot be written says so")
    func writeFails() throws {
        let full = try Descriptor(opening: "/dev/full", flags: O_WRONLY)
        let error = #expect(throws: SystemError.self) { try full.write([1]) }
        #expect(error == SystemError("write", "/dev/full", code: .noSpace))
    }

    @Test("a full disk and a full quota are out of space, with advice and a category of their own")
    func outOfSpace() {
        for code in [Errno.noSpace, Errno(rawValue: EDQUOT)] {
            let error = SystemError("write", "/file", code: code)
            #expect(error.isOutOfSpace && error.category == .noSpace)
            #expect(error.advice == "free some space and run the command again")
            #expect(error.reason.hasPrefix("cannot write /file: "))
        }
    }

    @Test("other failures are just failures; a read-only file system has advice, a missing file none")
    func otherFailures() {
        for code in [Errno.ioError, .noSuchFileOrDirectory, .permissionDenied, .readOnlyFileSystem] {
            #expect(SystemError("open", "/file", code: code).category == .failed)
        }
        #expect(SystemError("open", "/file", code: .readOnlyFileSystem).advice != nil)
        #expect(SystemError("open", "/file", code: .noSuchFileOrDirectory).advice == nil)
    }

    @Test("nobody who is root is told to become root")
    func advice() {
        let isRoot = geteuid() == 0
        #expect((SystemError("open", "/file", code: .permissionDenied).advice == nil) == isRoot)
    }

    @Test("an error takes the present errno, and is retried only when a signal interrupted")
    func retries() {
        var codes = [EINTR, EINTR, ENOENT]
        let error = #expect(throws: SystemError.self) {
            try retrying("open", "/file") { () -> Int32 in
                errno = codes.removeFirst()
                return -1
            }
        }
        #expect(error == SystemError("open", "/file", code: .noSuchFileOrDirectory))
        #expect(codes.isEmpty)
    }

    @Test("free space is what is left, and without end on a file system that does not say it")
    func space() throws {
        let space = try FileSystemSpace(at: folder.path)
        #expect(space.bytes > 0 && space.files > 0)
        // What has no size says nothing.
        #expect(try FileSystemSpace(at: "/proc").bytes == .max)
        let error = #expect(throws: SystemError.self) { try FileSystemSpace(at: "/missing") }
        #expect(error?.code == .noSuchFileOrDirectory)
    }

    @Test("the arguments are the kernel's, the executable is known")
    func arguments() {
        #expect(ProcessStart.arguments == CommandLine.arguments)
        #expect(ProcessStart.executable != nil)
        #expect(CurrentFolder.path?.isAbsolute == true)
    }
}
