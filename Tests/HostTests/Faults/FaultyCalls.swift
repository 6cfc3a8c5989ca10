import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport

/// A preloaded library that makes a chosen call of a process fail, or ends or stops the process there.
/// What it counts are calls that change files below a folder: Tests/FaultyCalls/faulty.c.
struct FaultyCalls {
    /// Below this folder, calls are counted.
    let root: FilePath

    /// What happens at the chosen call.
    enum Action: CustomStringConvertible {
        /// It fails with this error.
        case fail(Errno)
        /// It fails with this error, and so do all after it.
        case failFromHere(Errno)
        /// The process is killed before it.
        case kill
        /// The process stops before it.
        case stop

        var description: String {
            switch self {
            case .fail(let code): "the call fails: \(code)"
            case .failFromHere(let code): "all calls from it on fail: \(code)"
            case .kill: "the process is killed"
            case .stop: "the process stops"
            }
        }
    }

    /// One counted call.
    struct Call: CustomStringConvertible {
        /// Its place among the process's calls, from 1.
        let number: Int
        /// The C function.
        let function: String
        /// What it was for.
        let path: String

        var description: String { "call \(number), \(function) \(path)" }
    }

    /// The variables that put the fault at call `number`.
    func environment(_ action: Action, at number: Int, log: FilePath? = nil) throws -> [String: String] {
        var variables = try base(log)
        variables["FAULT_AT"] = String(number)
        switch action {
        case .fail(let code), .failFromHere(let code): variables["FAULT_ACTION"] = String(code.rawValue)
        case .kill: variables["FAULT_ACTION"] = "kill"
        case .stop: variables["FAULT_ACTION"] = "stop"
        }
        if case .failFromHere = action { variables["FAULT_STICKY"] = "1" }
        return variables
    }

    /// The variables that make the process stop where it would be killed at a fault point.
    static func stopping(at point: String) throws -> [String: String] {
        ["LD_PRELOAD": try library.get().string, "FAULT_STOP": "1", "HOSTCTL_FAULT_POINT": point]
    }

    /// The variables that only write down each call.
    func recording(to log: FilePath) throws -> [String: String] { try base(log) }

    private func base(_ log: FilePath?) throws -> [String: String] {
        var variables = ["LD_PRELOAD": try Self.library.get().string, "FAULT_ROOT": root.string]
        if let log { variables["FAULT_LOG"] = log.string }
        return variables
    }

    /// What was written down; nothing when no call was.
    static func calls(in log: FilePath) throws -> [Call] {
        let text = try Files.readIfPresent(log, limit: 16 << 20).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard parts.count == 3, let number = Int(parts[0]) else { return nil }
            return Call(number: number, function: parts[1], path: parts[2])
        }
    }

    private static let folder = Result { try TemporaryFolder() }
    /// Built once; its folder goes with the process.
    private static let library: Result<FilePath, any Error> = Result {
        let source = FilePath(#filePath).removingLastComponent().appending("../../FaultyCalls/faulty.c")
        let path = try folder.get().path.appending("faulty.so")
        atexit { FaultyCalls.remove() }
        let result = try run([
            "/usr/bin/cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", path.string, source.string, "-ldl",
        ])
        guard result.status == 0 else { throw CommandFailed(command: "cc", errors: result.errorText) }
        return path
    }

    private static func remove() {
        do { try Files.removeTree(folder.get().path) } catch { print("the library's folder stays: \(error)") }
    }
}

extension ChildProcess {
    /// Waits until the process has stopped; `false` when it has ended instead.
    func waitUntilStopped(timeout: Double = 60) -> Bool {
        var isStopped = false
        _ = waitUntil(timeout: timeout) {
            isStopped = state == "T"
            return isStopped || !isRunning
        }
        return isStopped
    }

    /// The letter that the kernel gives for the state of the process.
    private var state: Character? {
        do {
            let bytes = try Files.read(FilePath("/proc/\(id)/stat"), limit: 4096)
            let text = String(decoding: bytes, as: UTF8.self)
            // The name before it may hold anything.
            return text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ").dropFirst().first?.first
        } catch {
            return nil
        }
    }
}
