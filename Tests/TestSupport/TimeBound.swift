import Dispatch
import LinuxSystem

/// Calls `body` on a thread of its own and waits for it.
///
/// Swift Testing's own limit counts the time in which a test waits for its turn, and ends nothing that blocks: it fails
/// beside tests that keep all threads busy, and never ends a loop.
/// - Parameter seconds: far more than the call needs on a busy machine. What has not returned by then goes on until the
///   tests end.
/// - Returns: what `body` returned, or `nil` when it did not in time.
/// - Throws: what `body` throws.
public func bounded<Value: Sendable>(
    seconds: Int = 120, _ body: @escaping @Sendable () throws -> Value
) throws -> Value? {
    let answer = Guarded<Result<Value, any Error>?>(nil)
    let returned = DispatchSemaphore(value: 0)
    DispatchQueue(label: "bounded").async {
        let result = Result { try body() }
        answer.with { $0 = result }
        returned.signal()
    }
    guard returned.wait(timeout: .now() + .seconds(seconds)) == .success else { return nil }
    return try answer.with { $0 }?.get()
}
