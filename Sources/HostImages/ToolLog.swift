import Glibc
import LinuxSystem
import Subprocess
import SystemPackage

/// Runs tools one after another, with everything that they print in one file.
struct ToolLog: ~Copyable {
    /// Where it is, for messages.
    let path: FilePath
    private let file: Descriptor

    /// Begins an empty log.
    ///
    /// - Throws: `SystemError`.
    init(_ path: FilePath) throws(SystemError) {
        let flags = O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW
        file = try Descriptor(opening: path.string, flags: flags, mode: 0o644)
        self.path = path
    }

    /// How a tool ended: `nil` is well, otherwise its status in words and the last lines that it printed.
    ///
    /// - Parameter environment: all of the tool's environment; nothing is inherited.
    /// - Throws: `ImageError.missingTool` when there is no such executable or its interpreter, `SystemError`.
    func run(
        _ command: [String], environment: [String: String], workingDirectory: FilePath? = nil
    ) async throws -> String? {
        try note("# " + environment.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " "))
        try note("# " + command.joined(separator: " ").replacing("\n", with: "\n# "))
        let start = try size()
        do {
            switch try await spawn(command, environment, workingDirectory) {
            case .exited(0): return nil
            case .exited(let code): return "status \(code)" + (try lastLines(since: start))
            case .signaled(let signal): return "signal \(signal)" + (try lastLines(since: start))
            }
        } catch let error as SubprocessError {
            if error.code == .executableNotFound { throw ImageError.missingTool(Self.name(command[0])) }
            return "it cannot be started: \(error)"
        }
    }

    private func spawn(
        _ command: [String], _ environment: [String: String], _ workingDirectory: FilePath?
    ) async throws -> TerminationStatus {
        let variables = environment.compactMap { entry in
            Environment.Key(rawValue: entry.key).map { ($0, entry.value) }
        }
        let log = FileDescriptor(rawValue: file.raw)
        return try await Subprocess.run(
            .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())),
            environment: .custom(Dictionary(uniqueKeysWithValues: variables)), workingDirectory: workingDirectory,
            output: .fileDescriptor(log, closeAfterSpawningProcess: false), error: .combinedWithOutput
        ).terminationStatus
    }

    private static func name(_ path: String) -> String { FilePath(path).lastComponent?.string ?? path }

    /// Adds a line of our own.
    ///
    /// - Throws: `SystemError`.
    func note(_ line: String) throws(SystemError) { try file.write(Array("\(line)\n".utf8)) }

    private func size() throws(SystemError) -> Int64 { Int64(try file.status().st_size) }

    /// At most twelve lines and 4 KiB, each on a line of its own; the rest is in the file.
    private func lastLines(since start: Int64) throws(SystemError) -> String {
        let end = try size()
        let count = Int(min(4096, end - start))
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try retrying("read", path.string) { pread(file.raw, &bytes, count, off_t(end) - off_t(count)) }
        let lines = String(decoding: bytes.prefix(read), as: UTF8.self).split(separator: "\n").suffix(12)
        return lines.map { "\n  \($0)" }.joined() + "\n  (all of it: \(path))"
    }
}
