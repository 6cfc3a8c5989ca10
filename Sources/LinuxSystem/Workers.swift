import CLinux
import Glibc
import Synchronization
import SystemPackage

/// Plain threads for blocking work, so that no cooperative thread is held up by a disk or a socket.
public enum Workers {
    /// The processors this process may use.
    public static var processorCount: Int {
        let allowed = Int(hostctl_processor_count())
        return allowed > 0 ? allowed : max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }

    /// Runs `body(index)` on `count` threads and waits for all of them.
    ///
    /// A body should return early once `stop.isSet`: it is set as soon as one of them throws. The first body runs on
    /// the calling thread.
    /// - Throws: the first error that a body threw; `SystemError` when a thread cannot be started, after those that
    ///   were have ended.
    public static func run(_ count: Int, _ body: @escaping @Sendable (Int, StopFlag) throws -> Void) throws {
        let stop = StopFlag()
        let failure = Guarded<(any Error)?>(nil)
        let work: @Sendable (Int) -> Void = { index in
            do { try body(index, stop) } catch {
                failure.with { if $0 == nil { $0 = error } }
                stop.set()
            }
        }
        var threads: [pthread_t] = []
        do throws(SystemError) {
            for index in 1..<max(1, count) { threads.append(try start { work(index) }) }
            work(0)
        } catch {
            failure.with { if $0 == nil { $0 = error } }
            stop.set()
        }
        for thread in threads { pthread_join(thread, nil) }
        if let error = failure.with({ $0 }) { throw error }
    }

    private static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) -> pthread_t {
        let context = Unmanaged.passRetained(ThreadBody(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            context.release()
            throw SystemError("start", "a thread", code: .init(rawValue: code))
        }
        return thread
    }
}

/// Set once, seen by every worker.
public final class StopFlag: Sendable {
    private let flag = Atomic(false)
    /// Whether another worker has failed.
    public var isSet: Bool { flag.load(ordering: .relaxed) }
    /// Asks every worker to return.
    public func set() { flag.store(true, ordering: .relaxed) }
    /// A flag that is not set.
    public init() {}
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
