import Glibc
public import SystemPackage

/// A failed system call: what was being done, to what, and why it failed.
public struct SystemError: ExplainedError, Equatable {
    /// The operation in words, as in "cannot OPERATION PATH".
    public let operation: String
    /// What it was done to: a path, or a name when the path is not known.
    public let path: String
    /// The error number.
    public let code: Errno

    /// - Parameter code: the error number; the current `errno` by default.
    public init(_ operation: String, _ path: String, code: Errno? = nil) {
        let current = Errno(rawValue: errno)
        self.operation = operation
        self.path = path
        self.code = code ?? current
    }

    /// Whether the disk, a quota or an inode table is full.
    public var isOutOfSpace: Bool { code == .noSpace || code.rawValue == EDQUOT }

    /// Whether the disk or its file system has lost what was to be read, so that trying again is of no use.
    public var tellsOfDamage: Bool { [EIO, EUCLEAN, EBADMSG].contains(code.rawValue) }

    public var reason: String { "cannot \(operation) \(path): \(code)" }

    public var advice: String? {
        switch code {
        case _ where isOutOfSpace: "free some space and run the command again"
        case .permissionDenied where geteuid() != 0, .notPermitted where geteuid() != 0: "run the command as root"
        case .improperLink: "unmount what is mounted there"
        case .readOnlyFileSystem: "remount the file system writable"
        default: nil
        }
    }
}

/// Calls `body` until it is not interrupted by a signal.
///
/// - Returns: the call's result when it is not negative.
/// - Throws: `SystemError` with the current `errno`.
@discardableResult
public func retrying<T: SignedInteger>(
    _ operation: @autoclosure () -> String, _ path: @autoclosure () -> String, _ body: () -> T
) throws(SystemError) -> T {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = Errno(rawValue: errno)
        if code != .interrupted { throw SystemError(operation(), path(), code: code) }
    }
}

extension SystemError {
    public var category: FailureCategory { isOutOfSpace ? .noSpace : .failed }
}
