import Glibc
import LinuxSystem
public import SystemPackage

/// An HTTP/1.1 server on 127.0.0.1 that serves a folder, and misbehaves where a test says so.
///
/// It has plain threads and raw sockets, so that every wrong byte can be sent. Paths are relative to the folder,
/// as `store/config`. It ends with the value's life; what it sends and waits for is bounded.
public final class ScriptedServer: Sendable {
    /// A request as it came, and what was sent for it.
    public struct Request: Sendable, Equatable {
        /// What was asked for, relative to the folder.
        public let path: String
        /// The value of its `Range` header.
        public let range: String?
        /// The value of its `Authorization` header.
        public let authorization: String?
        /// The number of the connection it came over, from 1.
        public let connection: Int
        /// The status that was answered; 0 when nothing was.
        public internal(set) var status = 0
        /// Bytes of the body that were handed to the kernel; the client may have them a moment earlier.
        public internal(set) var bytesSent = 0
    }

    private let state: ServerState
    /// The server's address, without a slash at the end.
    public let url: String

    /// Starts serving a folder.
    ///
    /// - Throws: `SystemError`.
    public init(serving folder: FilePath) throws {
        let (listener, port) = try ServerSockets.listen()
        state = ServerState(folder: folder, listener: listener)
        url = "http://127.0.0.1:\(port)"
        let state = state
        state.startThread { state.acceptConnections() }
    }

    deinit { state.stop() }

    /// The address of a path.
    public func url(of path: String) -> String { "\(url)/\(path)" }

    /// Chooses what happens to requests for a path; `nil` serves its file again.
    public func set(_ behaviour: ServerBehaviour?, for path: String) { state.set(behaviour, for: path) }

    /// Serves every path as it is, and has no outage.
    public func heal() { state.heal() }

    /// Serves another folder from now on.
    public func serve(_ folder: FilePath) { state.script.with { $0.folder = folder } }

    /// After `count` more requests, connections are closed without an answer, until `heal`.
    public func breakDown(after count: Int) { state.script.with { $0.requestsUntilOutage = count } }

    /// Closes each connection after so many answers, without having announced it; `nil` for never.
    public func limitConnections(to count: Int?) { state.script.with { $0.requestsPerConnection = count } }

    /// All requests so far, in the order of their arrival.
    public var requests: [Request] { state.record.with { $0.requests } }

    /// The requests for a path.
    public func requests(of path: String) -> [Request] { requests.filter { $0.path == path } }

    /// Starts a new record of requests.
    public func forgetRequests() { state.record.with { $0.requests = [] } }

    /// How many connections have been made.
    public var connectionCount: Int { state.record.with { $0.connections } }
}
