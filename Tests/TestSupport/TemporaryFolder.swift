import Glibc
import LinuxSystem
public import SystemPackage

/// A folder for one test, removed with everything in it when the value's life ends.
///
/// Keep it in a property of the test suite, or in a `let` that the test uses to its end.
public final class TemporaryFolder: Sendable {
    /// The folder; absolute, without links in it.
    public let path: FilePath

    /// Makes an empty folder with mode 0700.
    ///
    /// - Parameter inMemory: on a file system in memory where there is one: for tests that flush whole file systems,
    ///   and would wait for what everybody else writes.
    /// - Parameter room: bytes that it may take; where there are not as many free in memory, it is on a disk.
    /// - Throws: `SystemError`.
    public init(inMemory: Bool = false, room: Int64 = 0) throws {
        let fits = try inMemory && Files.isFolder("/dev/shm") && FileSystemSpace(at: "/dev/shm").bytes >= room
        let memory = fits ? "/dev/shm" : "/tmp"
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? memory
        var template = Array("\(base)/hostctl-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("make a temporary folder in", base) }
        let made = template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        path = FilePath(String(decoding: made, as: UTF8.self))
    }

    deinit {
        do { try Files.removeTree(path) } catch { print("the test's folder stays: \(error)") }
    }

    /// Writes `bytes` to a path below the folder, making the folders on the way; gives the absolute path.
    ///
    /// - Throws: `SystemError`.
    @discardableResult
    public func write(_ relative: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws -> FilePath {
        let file = path.appending(relative)
        try Files.makeFolder(file.removingLastComponent())
        try Files.replace(file, with: bytes, mode: mode)
        return file
    }

    /// Writes text; see `write(_:_:mode:)`.
    ///
    /// - Throws: `SystemError`.
    @discardableResult
    public func write(_ relative: String, text: String, mode: UInt32 = 0o644) throws -> FilePath {
        try write(relative, Array(text.utf8), mode: mode)
    }

    /// Reads a file below the folder.
    ///
    /// - Throws: `SystemError`; `EFBIG` when it has more than 64 MiB.
    public func read(_ relative: String) throws -> [UInt8] {
        try Files.read(path.appending(relative), limit: 64 << 20)
    }
}
