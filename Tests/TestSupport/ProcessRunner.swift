public import Glibc
import LinuxSystem
import SystemPackage

/// How a process ended and what it printed.
public struct ProcessResult: Sendable {
    /// The end of a process.
    public enum End: Sendable, Equatable {
        /// It returned this status.
        case exited(Int32)
        /// This signal ended it.
        case signaled(Int32)
        /// It did not end in time and was killed.
        case timedOut
    }

    /// How it ended.
    public let end: End
    /// What it wrote to standard output.
    public let output: [UInt8]
    /// What it wrote to standard error.
    public let errors: [UInt8]

    /// The exit status; `nil` when a signal or the time limit ended it.
    public var status: Int32? { if case .exited(let status) = end { status } else { nil } }
    /// Standard output as text.
    public var text: String { String(decoding: output, as: UTF8.self) }
    /// Standard error as text.
    public var errorText: String { String(decoding: errors, as: UTF8.self) }
}

/// Runs a program to its end, or kills it and its process group when the time is over.
///
/// Nothing is read through pipes, so neither a talkative nor a daemonizing program can hang the test.
/// - Parameters:
///   - command: the absolute path of the program, then its arguments.
///   - environment: set on top of the test's own environment.
///   - input: what the program reads from standard input.
///   - timeout: seconds.
/// - Throws: `SystemError` when the program cannot be started. A non-zero status is a result, not an error.
public func run(
    _ command: [String], environment: [String: String] = [:], input: [UInt8] = [], timeout: Double = 60
) throws -> ProcessResult {
    let process = try ChildProcess(command, environment: environment, input: input)
    return try process.wait(timeout: timeout)
}

/// A program that runs beside the test; killed with its process group when the value's life ends.
public final class ChildProcess {
    /// Its process id, also that of its process group.
    public let id: pid_t
    private let output: Descriptor
    private let errors: Descriptor
    private var end: ProcessResult.End?

    /// Starts a program; the parameters are those of `run`.
    ///
    /// - Throws: `SystemError`.
    public init(_ command: [String], environment: [String: String] = [:], input: [UInt8] = []) throws {
        let standardInput = try unnamedFile()
        try standardInput.write(input)
        try retrying("rewind", "standard input") { lseek(standardInput.raw, 0, SEEK_SET) }
        let output = try unnamedFile()
        let errors = try unnamedFile()
        id = try spawn(
            command, environment: environment, descriptors: [standardInput.raw, output.raw, errors.raw])
        self.output = output
        self.errors = errors
    }

    deinit {
        if end == nil { stop() }
    }

    /// Sends a signal to the program alone.
    public func signal(_ number: Int32) { kill(id, number) }

    /// Whether it still runs.
    public var isRunning: Bool {
        poll()
        return end == nil
    }

    /// What it has printed so far.
    ///
    /// - Throws: `SystemError`.
    public func outputSoFar() throws -> String { String(decoding: try contents(of: output), as: UTF8.self) }

    /// What it has written to standard error so far.
    ///
    /// - Throws: `SystemError`.
    public func errorsSoFar() throws -> String { String(decoding: try contents(of: errors), as: UTF8.self) }

    /// Waits for its end; kills it and its group after `timeout` seconds.
    ///
    /// - Throws: `SystemError`.
    public func wait(timeout: Double = 60) throws -> ProcessResult {
        _ = waitUntil(timeout: timeout) { !isRunning }
        if end == nil {
            stop()
            end = .timedOut
        }
        return ProcessResult(
            end: end ?? .timedOut, output: try contents(of: output), errors: try contents(of: errors))
    }

    private func stop() {
        kill(-id, SIGKILL)
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
    }

    private func poll() {
        var status: Int32 = 0
        guard end == nil, waitpid(id, &status, WNOHANG) == id else { return }
        let signal = status & 0x7f
        end = signal == 0 ? .exited(status >> 8 & 0xff) : .signaled(signal)
    }
}

/// Waits until `condition` holds, looking often at first; `false` when `timeout` seconds have passed before.
public func waitUntil(timeout: Double = 10, _ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(timeout)
    var pause: UInt32 = 500
    while !condition() {
        if ContinuousClock.now >= deadline { return false }
        usleep(pause)
        pause = min(pause * 2, 20_000)
    }
    return true
}

private func unnamedFile() throws -> Descriptor {
    var template = Array("/tmp/hostctl-output.XXXXXX".utf8CString)
    let raw = mkstemp(&template)
    guard raw >= 0 else { throw SystemError("make a file in", "/tmp") }
    unlink(template)
    _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
    return Descriptor(adopting: raw, path: "output")
}

private func contents(of file: borrowing Descriptor) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(try file.status().st_size))
    let count = try retrying("read", "output") { pread(file.raw, &bytes, bytes.count, 0) }
    return Array(bytes[..<count])
}

private func spawn(_ command: [String], environment: [String: String], descriptors: [Int32]) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in descriptors.enumerated() {
        posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))

    let arguments = command.map { strdup($0) } + [nil]
    let variables = currentEnvironment().merging(environment) { $1 }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var id = pid_t()
    let code = posix_spawn(&id, command[0], &actions, &attributes, arguments, variables)
    guard code == 0 else { throw SystemError("start", command[0], code: .init(rawValue: code)) }
    return id
}

private func currentEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
        let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
        next += 1
    }
    return result
}
