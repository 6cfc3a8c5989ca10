import Glibc
import LinuxSystem
import SystemPackage

/// What all threads of a `ScriptedServer` share.
final class ServerState: Sendable {
    struct Script {
        var folder: FilePath
        var behaviours: [String: ServerBehaviour] = [:]
        var requestsUntilOutage: Int?
        var requestsPerConnection: Int?
    }

    struct Record {
        var requests: [ScriptedServer.Request] = []
        var connections = 0
    }

    private struct Sockets {
        var open: Set<Int32> = []
        var threads = 0
    }

    /// What one request is to get.
    struct Turn {
        let index: Int
        let folder: FilePath
        let behaviour: ServerBehaviour?
    }

    let script: Guarded<Script>
    let record = Guarded(Record())
    let isStopped = StopFlag()
    private let listener: Int32
    private let sockets = Guarded(Sockets())

    init(folder: FilePath, listener: Int32) {
        script = Guarded(Script(folder: folder))
        self.listener = listener
    }

    func set(_ behaviour: ServerBehaviour?, for path: String) { script.with { $0.behaviours[path] = behaviour } }

    func heal() {
        script.with {
            $0.behaviours = [:]
            $0.requestsUntilOutage = nil
        }
    }

    /// Records a request and takes its part of the script.
    func begin(_ request: ScriptedServer.Request) -> Turn {
        let index = record.with { record in
            record.requests.append(request)
            return record.requests.count - 1
        }
        return script.with { script in
            if let left = script.requestsUntilOutage {
                script.requestsUntilOutage = max(0, left - 1)
                if left == 0 { return Turn(index: index, folder: script.folder, behaviour: .closed) }
            }
            let behaviour = script.behaviours[request.path]
            if let behaviour { script.behaviours[request.path] = behaviour.next }
            return Turn(index: index, folder: script.folder, behaviour: behaviour?.now)
        }
    }

    /// Notes what was sent for a request; nothing when the record was started anew meanwhile.
    func note(_ index: Int, status: Int, bytesSent: Int) {
        record.with { record in
            guard record.requests.indices.contains(index) else { return }
            record.requests[index].status = status
            record.requests[index].bytesSent = bytesSent
        }
    }

    func acceptConnections() {
        while !isStopped.isSet {
            let socket = accept(listener, nil, nil)
            guard socket >= 0 else { continue }
            _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
            let number = record.with { record in
                record.connections += 1
                return record.connections
            }
            sockets.with { _ = $0.open.insert(socket) }
            startThread {
                ServerConnection(socket, number, self).run()
                self.sockets.with { _ = $0.open.remove(socket) }
                // A program started in this moment may have inherited the socket, so closing is not enough.
                shutdown(socket, Int32(SHUT_RDWR))
                close(socket)
            }
        }
    }

    /// Runs `body` on a thread that `stop` waits for.
    func startThread(_ body: @escaping @Sendable () -> Void) {
        sockets.with { $0.threads += 1 }
        let context = Unmanaged.passRetained(
            ServerThread {
                body()
                self.sockets.with { $0.threads -= 1 }
            })
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<ServerThread>.fromOpaque(pointer).takeRetainedValue().body() }
                return nil
            }, context.toOpaque())
        precondition(code == 0, "the test server cannot start a thread")
        pthread_detach(thread)
    }

    /// Ends all connections and waits for the threads.
    func stop() {
        isStopped.set()
        shutdown(listener, Int32(SHUT_RDWR))
        sockets.with { for socket in $0.open { shutdown(socket, Int32(SHUT_RDWR)) } }
        if !waitUntil(timeout: 10, { sockets.with { $0.threads } == 0 }) { print("the test server does not end") }
        close(listener)
    }
}

private final class ServerThread: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// The system calls that make a server's socket.
enum ServerSockets {
    /// A listening socket on a free port of 127.0.0.1.
    static func listen() throws -> (socket: Int32, port: UInt16) {
        let raw = try retrying("make", "a socket") {
            socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                try retrying("bind", "a socket") { bind(raw, address, length) }
                try retrying("listen on", "a socket") { Glibc.listen(raw, 128) }
                try retrying("examine", "a socket") { getsockname(raw, address, &length) }
            }
        }
        return (raw, UInt16(bigEndian: address.sin_port))
    }
}
