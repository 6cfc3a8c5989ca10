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
    public var advice: String? { "wait for it to finish; where the command has --wait SECONDS, it waits by itself" }
}

/// An exclusive or shared open-file-description lock, given up when the value's life ends.
///
/// The same kind of lock that libostree takes on a repository's `.lock` (through `F_OFD_SETLK`), so that
/// the two exclude each other.
public struct FileLock: ~Copyable, Sendable {
    /// How a lock is shared.
    public enum Kind: Sendable { case shared, exclusive }

    private let file: Descriptor
    private let isNamed: Bool

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
        isNamed = Self.name(kind == .exclusive ? holder : nil, in: file)
        self.file = file
    }

    /// Unlocks before the descriptor is closed: a child that was forked meanwhile (libostree forks one that thaws
    /// /boot) still has the same open file, and would hold the lock a little longer than this process.
    deinit {
        if isNamed { ftruncate(file.raw, 0) }
        _ = hostctl_lock(file.raw, Int32(F_UNLCK), 0)
    }

    private static func acquire(
        _ file: borrowing Descriptor, _ kind: Kind, seconds: Double, waiting: (String?) -> Void
    ) throws {
        let type = kind == .exclusive ? F_WRLCK : F_RDLCK
        // What is not a number, or beyond any clock, is no time to wait and thirty years.
        let deadline = ContinuousClock.now + .seconds(seconds > 0 ? min(seconds, 1e9) : 0)
        var announced = false
        while hostctl_lock(file.raw, Int32(type), 0) != 0 {
            let code = Errno(rawValue: errno)
            guard code == .resourceTemporarilyUnavailable || code == .interrupted else {
                throw SystemError("lock", file.path, code: code)
            }
            let remaining = deadline - ContinuousClock.now
            if remaining <= .zero { throw LockedError(path: file.path, holder: holder(in: file)) }
            if !announced { waiting(holder(in: file)) }
            announced = true
            usleep(UInt32(min(.milliseconds(50), remaining) / .microseconds(1)))
        }
    }

    /// Puts down who holds the lock. Whatever the file said before is wrong now: it is what a killed holder has left.
    ///
    /// The text only serves messages, so a full disk is no reason to fail.
    /// - Returns: whether it has to be removed at the end.
    private static func name(_ holder: String?, in file: borrowing Descriptor) -> Bool {
        if lseek(file.raw, 0, SEEK_END) > 0 { ftruncate(file.raw, 0) }
        guard let holder else { return false }
        let line = Array("\(holder)\n".utf8)
        return pwrite(file.raw, line, line.count, 0) > 0
    }

    /// `nil` when the holder shares the lock, or is no hostctl.
    private static func holder(in file: borrowing Descriptor) -> String? {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = pread(file.raw, &bytes, bytes.count, 0)
        guard count > 0, let text = String(validating: bytes[..<count], as: UTF8.self) else { return nil }
        let line = text.prefix { $0 != "\n" }
        return line.isEmpty ? nil : String(line)
    }
}

extension LockedError {
    public var category: FailureCategory { .locked }
}
