import ArgumentParser
import Glibc
import LinuxSystem
import SystemPackage

/// An asynchronous command, waited for by a thread that is not.
enum BlockingTask {
    /// - Throws: `ProcessFilesMissing`, and what the command throws.
    static func run(_ command: sending any AsyncParsableCommand) throws {
        guard Files.exists("/proc/self/stat") else { throw ProcessFilesMissing() }
        let end = End()
        Task.detached {
            var command = command
            do {
                try await command.run()
                end.set(.success(()))
            } catch {
                end.set(.failure(error))
            }
        }
        try end.wait()
    }

    /// Set once by the task, waited for once.
    private final class End: Sendable {
        private let result = Guarded<Result<Void, any Error>?>(nil)
        private nonisolated(unsafe) let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

        init() { sem_init(semaphore, 0, 0) }

        deinit {
            sem_destroy(semaphore)
            semaphore.deallocate()
        }

        func set(_ value: Result<Void, any Error>) {
            result.with { $0 = value }
            sem_post(semaphore)
        }

        func wait() throws {
            while sem_wait(semaphore) != 0 {}
            try result.with { $0 }?.get()
        }
    }
}

/// The concurrency runtime counts its threads in /proc.
private struct ProcessFilesMissing: ExplainedError {
    let reason = "/proc is not mounted"
    let advice: String? = "mount it and run the command again"
}
