import Glibc
import LinuxSystem
import Subprocess
import SystemPackage

/// One run of an external signing command; the protocol is in signing/README.md.
struct SigningCommand {
    private static let outputLimit = 1024
    /// The command and its arguments.
    let words: [String]
    /// The key its signatures must match.
    let publicKey: PublicKey
    /// How long it may take. A person may have to find the token and touch it.
    var timeLimit: Duration = .seconds(300)

    /// The signature of `message`, 64 bytes, checked.
    ///
    /// - Throws: `SignatureError.signingCommandFailed`.
    func sign(_ message: [UInt8]) async throws -> [UInt8] {
        let answer = try await answer(to: message)
        guard let signature = signature(in: answer) else {
            throw failed("its answer of \(answer.count) bytes is neither 64 bytes nor their base64")
        }
        guard publicKey.verifies(signature, of: message) else {
            throw failed("its signature does not verify with the public key \(publicKey.id)")
        }
        return signature
    }

    private func signature(in answer: [UInt8]) -> [UInt8]? {
        if answer.count == 64 { return answer }
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
        let line = answer.prefix { !isSpace($0) }
        guard answer[line.endIndex...].allSatisfy(isSpace) else { return nil }
        let bytes = Base64.decode(String(decoding: line, as: UTF8.self))
        return bytes?.count == 64 ? bytes : nil
    }

    private func answer(to message: [UInt8]) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            group.addTask { try await output(for: message) }
            group.addTask {
                try await Task.sleep(for: timeLimit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let answer = first else {
                throw failed("it did not end within \(timeLimit)")
            }
            return answer
        }
    }

    private func output(for message: [UInt8]) async throws -> [UInt8] {
        guard let program = words.first, !program.isEmpty else { throw failed("there is no command") }
        let payload = try Self.unnamedFile(message)
        do {
            // Its messages, and a token's request to be touched, go straight to the operator.
            let result = try await run(
                program.contains("/") ? .path(FilePath(program)) : .name(program),
                arguments: Arguments(Array(words.dropFirst())),
                input: .fileDescriptor(FileDescriptor(rawValue: payload.raw), closeAfterSpawningProcess: false),
                output: .bytes(limit: Self.outputLimit), error: .currentStandardError)
            guard result.terminationStatus.isSuccess else { throw failed("it ended with \(result.terminationStatus)") }
            return result.standardOutput
        } catch let error as SubprocessError {
            throw failed("\(error)")
        }
    }

    /// A file without a name, read from its start. Through a pipe, a command that does not read its payload
    /// would end us with SIGPIPE.
    private static func unnamedFile(_ bytes: [UInt8]) throws(SystemError) -> Descriptor {
        var template = Array("/tmp/hostctl-payload.XXXXXX".utf8CString)
        let raw = try retrying("make a file in", "/tmp") { mkstemp(&template) }
        let file = Descriptor(adopting: raw, path: "the payload")
        unlink(template)
        try retrying("set up", file.path) { fcntl(file.raw, F_SETFD, FD_CLOEXEC) }
        try file.write(bytes)
        try retrying("rewind", file.path) { lseek(file.raw, 0, SEEK_SET) }
        return file
    }

    private func failed(_ detail: String) -> SignatureError {
        .signingCommandFailed(command: words.joined(separator: " "), detail: detail)
    }
}
