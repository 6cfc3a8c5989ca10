import Glibc
import LinuxSystem
import SystemPackage

/// A short run of another program, whose answer is small.
struct ToolRun {
    /// The exit status; `nil` when a signal or the time limit ended it.
    let status: Int32?
    let output: [UInt8]
    let errors: String

    /// Runs a program and waits for its end.
    ///
    /// What it prints beyond a pipe's buffer keeps it from ending, and so counts as late.
    /// - Parameter seconds: how long it may take; it is killed then.
    /// - Throws: `SystemError` when it cannot be started.
    init(_ program: FilePath, _ arguments: [String], seconds: Double) throws(SystemError) {
        let output = try Pipe()
        let errors = try Pipe()
        let process = try Self.start(program, arguments, output.writing.raw, errors.writing.raw)
        var state: Int32 = 0
        let deadline = ContinuousClock.now + .seconds(seconds)
        while waitpid(process, &state, WNOHANG) == 0 {
            if ContinuousClock.now >= deadline { kill(process, SIGKILL) }
            usleep(2000)
        }
        status = state & 0x7F == 0 ? state >> 8 & 0xFF : nil
        self.output = output.content
        self.errors = String(decoding: errors.content, as: UTF8.self)
    }

    private static func start(
        _ program: FilePath, _ arguments: [String], _ output: Int32, _ errors: Int32
    ) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        let texts = ([program.string] + arguments).map { strdup($0) } + [nil]
        defer { texts.forEach { free($0) } }
        var process = pid_t()
        let code = posix_spawn(&process, program.string, &actions, nil, texts, environ)
        guard code == 0 else { throw SystemError("start", program.string, code: .init(rawValue: code)) }
        return process
    }
}

private struct Pipe: ~Copyable {
    let reading: Descriptor
    let writing: Descriptor

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        try retrying("make", "a pipe") { pipe(&ends) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        reading = Descriptor(adopting: ends[0], path: "pipe")
        writing = Descriptor(adopting: ends[1], path: "pipe")
    }

    /// What is in the pipe now.
    var content: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = Glibc.read(reading.raw, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }
}
