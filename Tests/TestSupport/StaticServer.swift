import Glibc
import LinuxSystem
public import SystemPackage

/// A web server that others have written, which serves a folder on 127.0.0.1. It ends with the value's life.
public final class StaticServer {
    /// Which server.
    public enum Kind: String, Sendable, CaseIterable {
        case nginx
        case busybox
        case python
    }

    /// The address of the folder, without a slash at the end.
    public let url: String
    private let process: ChildProcess
    private let state: TemporaryFolder

    /// Starts the server and waits until it takes connections.
    ///
    /// - Throws: `SystemError` when it does not within some seconds.
    public init(_ kind: Kind, serving folder: FilePath) throws {
        let port = try Self.freePort()
        state = try TemporaryFolder()
        url = "http://127.0.0.1:\(port)"
        process = try ChildProcess(Self.command(kind, folder, port, state))
        guard waitUntil(timeout: 20, { Self.answers(port) }) else {
            throw SystemError("reach", kind.rawValue, code: .connectionRefused)
        }
    }

    private static func command(
        _ kind: Kind, _ folder: FilePath, _ port: UInt16, _ state: TemporaryFolder
    ) throws -> [String] {
        switch kind {
        case .nginx:
            let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
                "\($0)_temp_path \(state.path)/\($0);"
            }
            let configuration = """
                daemon off; master_process off; user root; pid \(state.path)/pid; error_log \(state.path)/log;
                events {}
                http { access_log off; \(paths.joined(separator: " "))
                server { listen 127.0.0.1:\(port); root \(folder); } }
                """
            let file = try state.write("nginx.conf", text: configuration)
            return ["/usr/sbin/nginx", "-e", "\(state.path)/log", "-p", state.path.string, "-c", file.string]
        case .busybox:
            return ["/bin/busybox", "httpd", "-f", "-p", "127.0.0.1:\(port)", "-h", folder.string]
        case .python:
            let arguments = ["-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory", folder.string]
            return ["/usr/bin/python3"] + arguments
        }
    }

    /// Another process may take it before the server does; then the server does not start, and says so.
    private static func freePort() throws -> UInt16 {
        let (listener, port) = try ServerSockets.listen()
        close(listener)
        return port
    }

    private static func answers(_ port: UInt16) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
