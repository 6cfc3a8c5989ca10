import Glibc
import LinuxSystem

/// A program that is given a time, and whose output cannot grow: it is a stranger's.
///
/// It runs in a process group of its own, without input. What it leaves running when it ends is killed, and whoever of
/// them still holds the pipe is not waited for.
struct BoundedProcess {
    /// How it ended.
    enum End: Equatable, Sendable {
        case exited(Int32)
        case signaled(Int32)
        case timedOut
        /// It wrote more than `BoundedProcess.mostOutput`.
        case wroteTooMuch
        /// It could not be started.
        case notStarted(Errno)

        static func == (one: End, other: End) -> Bool { "\(one)" == "\(other)" }
    }

    struct Errno: Equatable, Sendable, CustomStringConvertible {
        let number: Int32
        var description: String { String(cString: strerror(number)) }
    }

    /// How it ended.
    let end: End
    /// The end of what it wrote to both its outputs.
    let output: [UInt8]

    /// Bytes that a program may write.
    static let mostOutput = 1 << 20
    /// Bytes of them that are kept.
    private static let keptOutput = 4096
    /// Seconds between being asked to end and being ended.
    private static let grace = 3.0

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - command: its path, then its arguments.
    ///   - seconds: how long it may take.
    static func run(_ command: [String], seconds: Double) -> BoundedProcess {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return BoundedProcess(end: .notStarted(.init(number: errno)), output: []) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let reading = Descriptor(adopting: ends[0], path: "output")
        let started: Result<pid_t, StartError>
        do {
            let writing = Descriptor(adopting: ends[1], path: "output")
            started = spawn(command, output: writing.raw)
        }
        _ = fcntl(reading.raw, F_SETFL, O_NONBLOCK)
        switch started {
        case .failure(let error): return BoundedProcess(end: .notStarted(.init(number: error.code)), output: [])
        case .success(let id):
            var watch = Watch(id: id, deadline: .now + .seconds(seconds))
            let end = watch.follow(reading)
            return BoundedProcess(end: end, output: watch.output)
        }
    }

    private struct StartError: Error { let code: Int32 }

    private static func spawn(_ command: [String], output: Int32) -> Result<pid_t, StartError> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let arguments = command.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var id = pid_t()
        let code = posix_spawn(&id, command[0], &actions, &attributes, arguments, environ)
        return code == 0 ? .success(id) : .failure(StartError(code: code))
    }

    /// Follows one process until its end.
    private struct Watch {
        let id: pid_t
        let deadline: ContinuousClock.Instant
        var output: [UInt8] = []
        private var written = 0
        private var isOpen = true

        init(id: pid_t, deadline: ContinuousClock.Instant) {
            self.id = id
            self.deadline = deadline
        }

        mutating func follow(_ pipe: borrowing Descriptor) -> End {
            while true {
                wait(for: pipe, milliseconds: 50)
                drain(pipe)
                if let status = poll() {
                    drain(pipe)
                    kill(-id, SIGKILL)
                    return written > mostOutput ? .wroteTooMuch : status
                }
                if written > mostOutput { return stop(.wroteTooMuch) }
                if ContinuousClock.now >= deadline { return stop(.timedOut) }
            }
        }

        private func wait(for pipe: borrowing Descriptor, milliseconds: Int32) {
            if !isOpen { usleep(UInt32(milliseconds) * 1000) }
            var entry = pollfd(fd: pipe.raw, events: Int16(POLLIN), revents: 0)
            if isOpen { _ = Glibc.poll(&entry, 1, milliseconds) }
        }

        /// Reads what is there, and no more than is allowed.
        private mutating func drain(_ pipe: borrowing Descriptor) {
            var buffer = [UInt8](repeating: 0, count: 65536)
            while isOpen, written <= mostOutput {
                let count = read(pipe.raw, &buffer, buffer.count)
                if count < 0 { return }
                if count == 0 { isOpen = false }
                written += count
                output += buffer[..<count]
                output.removeFirst(max(output.count - keptOutput, 0))
            }
        }

        private func poll() -> End? {
            var status: Int32 = 0
            guard waitpid(id, &status, WNOHANG) == id else { return nil }
            let signal = status & 0x7f
            return signal == 0 ? .exited(status >> 8 & 0xff) : .signaled(signal)
        }

        private func stop(_ end: End) -> End {
            kill(-id, SIGTERM)
            let last = ContinuousClock.now + .seconds(grace)
            while poll() == nil {
                if ContinuousClock.now >= last {
                    kill(-id, SIGKILL)
                    var status: Int32 = 0
                    while waitpid(id, &status, 0) < 0, errno == EINTR {}
                    break
                }
                usleep(20_000)
            }
            kill(-id, SIGKILL)
            return end
        }
    }
}
