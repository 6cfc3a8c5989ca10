import CLinux
import Glibc
public import SystemPackage

/// Someone else holds a lock, and the time to wait is over.
public struct LockedError: ExplainedError, Equatable {
    /// The locked file.
    public let path: String
    /// Who holds it, as they wrote it there: command and process id.
    public let holder: String?

    public init(path: String, holder: String?) {
        self.path = path
        self.holder = holder
    }

    public var reason: String { "\(path) is locked by \(holder ?? "another process")" }
    public var advice: String? { "wait for it to finish, or give it longer with --wait SECONDS" }
}

/// An exclusive or shared open-file-description lock, given up when the value's life ends.
///
/// The same kind of lock that libostree takes on a repository's `.lock` (through `F_OFD_SETLK`), so that
/// the two exclude each other.
public struct FileLock: ~Copyable, Sendable {
    /// How a lock is shared.
    public enum Kind: Sendable { case shared, exclusive }

    private let file: Descriptor

    /// Takes the lock, waiting at most `seconds`.
    ///
    /// - Parameters:
    ///   - path: the lock file, made when it is missing.
    ///   - holder: what an exclusive holder writes into the file, for those who wait.
    ///   - waiting: called once, with the present holder, before the wait.
    /// - Throws: `LockedError` when the time is over, `SystemError` otherwise.
    public init(
        _ path: FilePath, _ kind: Kind, seconds: Double, holder: String? = nil, waiting: (String?) -> Void = { _ in }
    ) throws {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW
        let file = try Descriptor(opening: path.string, flags: flags, mode: 0o644)
        try Self.acquire(file, kind, seconds: seconds, waiting: waiting)
        if kind == .exclusive, let holder {
            try retrying("write", path.string) { ftruncate(file.raw, 0) }
            try file.write(Array("\(holder)\n".utf8))
        }
        self.file = file
    }

    /// Unlocks before the descriptor is closed: a child that was forked meanwhile (libostree forks one that thaws
    /// /boot) still has the same open file, and would hold the lock a little longer than this process.
    deinit { _ = hostctl_lock(file.raw, Int32(F_UNLCK), 0) }

    private static func acquire(
        _ file: borrowing Descriptor, _ kind: Kind, seconds: Double, waiting: (String?) -> Void
    ) throws {
        let type = kind == .exclusive ? F_WRLCK : F_RDLCK
        var remaining = seconds
        var announced = false
        while hostctl_lock(file.raw, Int32(type), 0) != 0 {
            let code = Errno(rawValue: errno)
            guard code == .resourceTemporarilyUnavailable || code == .permissionDenied || code == .interrupted else {
                throw SystemError("lock", file.path, code: code)
            }
            if remaining <= 0 { throw LockedError(path: file.path, holder: holder(of: file.path)) }
            if !announced { waiting(holder(of: file.path)) }
            announced = true
            let pause = min(0.05, remaining)
            usleep(UInt32(pause * 1_000_000))
            remaining -= pause
        }
    }

    private static func holder(of path: String) -> String? {
        guard let bytes = try? Files.read(FilePath(path), limit: 1024),
            let text = String(validating: bytes, as: UTF8.self)
        else { return nil }
        let line = text.prefix { $0 != "\n" }
        return line.isEmpty ? nil : String(line)
    }
}

extension LockedError {
    public var category: FailureCategory { .locked }
}
