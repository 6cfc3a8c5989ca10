import Synchronization

/// A value that several threads share, reached only under its lock.
public final class Guarded<Value>: Sendable {
    private let mutex: Mutex<Value>

    /// Starts with `value`.
    public init(_ value: sending Value) { mutex = Mutex(value) }

    /// Runs `body` with exclusive access to the value.
    public func with<Result>(_ body: (inout sending Value) throws -> sending Result) rethrows -> sending Result {
        try mutex.withLock(body)
    }
}
