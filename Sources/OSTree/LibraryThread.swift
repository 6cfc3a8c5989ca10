import Glibc
import LinuxSystem

/// The one thread on which libostree is called.
///
/// libostree keeps state in the calling thread's main context and in the process's mount namespace, while
/// a Swift task may change its thread at every `await`; and two of our threads in one sysroot object would
/// race. So every call is handed to this thread, and the caller waits for it.
enum LibraryThread {
    private static let queue = JobQueue()
    private static let thread: pthread_t = start()

    /// Runs `body` on the library's thread and waits for it; on that thread already, runs it at once.
    static func run<Value, Failure>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        if pthread_equal(pthread_self(), thread) != 0 { return try body() }
        // The job runs while this frame waits for it, so nothing that it captures is used by two threads.
        var outcome: Result<Value, Failure>?
        withoutActuallyEscaping(body) { body in
            let job = Job {
                do throws(Failure) { outcome = .success(try body()) } catch { outcome = .failure(error) }
            }
            queue.add(job)
            job.wait()
        }
        guard let outcome else { fatalError("a job ended without an outcome") }
        return try outcome.get()
    }

    private static func start() -> pthread_t {
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { _ in
                while true { LibraryThread.queue.next().perform() }
            }, nil)
        precondition(code == 0, "cannot start a thread: error \(code)")
        return thread
    }
}

/// Work, and a way to wait for its end.
private final class Job: Sendable {
    // Touched by the library's thread only, once the job is in the queue.
    private nonisolated(unsafe) var body: (() -> Void)?
    private let finished = Semaphore()

    init(_ body: @escaping () -> Void) { self.body = body }

    func perform() {
        body?()
        body = nil  // before the signal: the caller's frame, into which it points, goes away then
        finished.signal()
    }

    func wait() { finished.wait() }
}

/// Jobs in the order in which they came.
private final class JobQueue: Sendable {
    private let jobs = Guarded<[Job]>([])
    private let available = Semaphore()

    func add(_ job: Job) {
        jobs.with { $0.append(job) }
        available.signal()
    }

    func next() -> Job {
        available.wait()
        return jobs.with { $0.removeFirst() }
    }
}

/// A POSIX semaphore at a fixed address.
private final class Semaphore: Sendable {
    private nonisolated(unsafe) let value = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(value, 0, 0) }

    deinit {
        sem_destroy(value)
        value.deallocate()
    }

    func signal() { sem_post(value) }

    func wait() {
        while sem_wait(value) != 0 {}  // interrupted by a signal
    }
}
