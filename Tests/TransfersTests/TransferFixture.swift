import LinuxSystem
import TestSupport
import Testing
import Transfers

/// A folder with one file, a server for it, and an impatient connection.
final class TransferFixture {
    let folder: TemporaryFolder
    let server: ScriptedServer
    /// What the file holds: bytes that differ from place to place.
    let content: [UInt8]
    static let path = "objects/file"

    init(size: Int = 300_000) throws {
        content = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
        folder = try TemporaryFolder()
        try folder.write(Self.path, content)
        server = try ScriptedServer(serving: folder.path)
    }

    var url: String { server.url(of: Self.path) }

    /// Options that make a test fast, and still go the way of the real ones.
    static func impatient(attempts: Int = 2) -> TransferOptions {
        var options = TransferOptions(userAgent: "test")
        options.connectSeconds = 2
        options.stallSeconds = 1
        options.attempts = attempts
        options.firstPause = 0.01
        return options
    }

    func connection(attempts: Int = 2, stop: StopFlag? = nil) -> Connection {
        Connection(Self.impatient(attempts: attempts), stop: stop)
    }

    /// Makes the file's path misbehave.
    func set(_ behaviour: ServerBehaviour) { server.set(behaviour, for: Self.path) }

    /// Fetches the file.
    func fetch(limit: Int = 1 << 20, attempts: Int = 2) throws -> [UInt8] {
        try connection(attempts: attempts).bytes(of: url, limit: limit)
    }

    /// Whether these are the file's bytes. Not left to `#expect`, which would look long for the smallest difference.
    func isContent(_ bytes: [UInt8]) -> Bool { bytes == content }

    /// The error that fetching the file ends with.
    func failure(limit: Int = 1 << 20, attempts: Int = 2) -> TransferError? {
        #expect(throws: TransferError.self) { try fetch(limit: limit, attempts: attempts) }
    }
}

/// Keeps what came, goes on where it stopped, and can refuse.
final class CollectingSink: TransferSink {
    struct Refusal: Error, Equatable { let reason: String }

    private(set) var bytes: [UInt8] = []
    private(set) var restarts = 0
    private let resumes: Bool
    private let capacity: Int

    /// - Parameter capacity: more bytes than this are refused.
    init(resumes: Bool = false, capacity: Int = .max, having bytes: [UInt8] = []) {
        self.resumes = resumes
        self.capacity = capacity
        self.bytes = bytes
    }

    var resumeOffset: Int64 { resumes ? Int64(bytes.count) : 0 }

    func restart() throws {
        restarts += 1
        bytes = []
        if capacity < 0 { throw Refusal(reason: "closed") }
    }

    func receive(_ bytes: UnsafeRawBufferPointer) throws {
        guard self.bytes.count + bytes.count <= capacity else { throw Refusal(reason: "full") }
        self.bytes += bytes
    }
}
