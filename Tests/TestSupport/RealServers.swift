import Glibc
import LinuxSystem
public import SystemPackage

/// A real nginx on 127.0.0.1, which ends with the value's life.
public final class Nginx {
    private let process: ChildProcess
    private let folder: TemporaryFolder
    /// The server's address, without a slash at the end.
    public let url: String

    /// - Parameters:
    ///   - root: the folder to serve.
    ///   - certificates: for https; plain http without.
    ///   - lines: more of the server's block.
    public init(serving root: FilePath, certificates: TestCertificates? = nil, lines: [String] = []) throws {
        folder = try TemporaryFolder()
        let port = try freePort()
        let place = folder.path
        var server = ["listen 127.0.0.1:\(port)\(certificates == nil ? "" : " ssl");", "root \(root);"]
        if let certificates {
            server += [
                "ssl_certificate \(certificates.server.certificate);",
                "ssl_certificate_key \(certificates.server.key);",
            ]
        }
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(place)/\($0);" }
        let text = """
            daemon off; pid \(place)/pid; error_log \(place)/error.log; user root; worker_processes 1;
            events { worker_connections 64; }
            http {
                access_log \(place)/access.log;
                \(kinds.joined(separator: " "))
                server { \((server + lines).joined(separator: "\n")) }
            }
            """
        let configuration = try folder.write("nginx.conf", text: text)
        url = "\(certificates == nil ? "http" : "https")://127.0.0.1:\(port)"
        process = try ChildProcess(
            ["/usr/sbin/nginx", "-e", "\(place)/error.log", "-c", configuration.string, "-p", place.string])
        try requireListener(port, process)
    }

    /// What was asked for, one line each.
    public var accessLog: String { get throws { String(decoding: try folder.read("access.log"), as: UTF8.self) } }
}

/// A real squid on 127.0.0.1, which caches nothing and ends with the value's life.
public final class Squid {
    private let process: ChildProcess
    private let folder: TemporaryFolder
    /// Names its shared memory; two squids must not share one.
    private let service: String
    /// The proxy's address.
    public let url: String

    /// - Parameter login: user and password that it asks for; nobody's by default.
    public init(login: (user: String, password: String)? = nil) throws {
        folder = try TemporaryFolder()
        // It gives up root's rights and still writes its logs here.
        chmod(folder.path.string, 0o777)
        let port = try freePort()
        let place = folder.path
        var rules = ["http_access allow all"]
        if let login {
            let hashed = try TestSupport.run(["/usr/bin/openssl", "passwd", "-apr1", login.password]).text
            try folder.write("users", text: "\(login.user):\(hashed)")
            rules = [
                "auth_param basic program /usr/lib/squid/basic_ncsa_auth \(place)/users", "auth_param basic children 1",
                "acl known proxy_auth REQUIRED", "http_access allow known", "http_access deny all",
            ]
        }
        let lines =
            ["http_port 127.0.0.1:\(port)", "pid_filename \(place)/pid", "cache_log \(place)/cache.log"]
            + ["access_log stdio:\(place)/access.log", "cache deny all", "coredump_dir \(place)"]
            + ["netdb_filename none", "pinger_enable off", "shutdown_lifetime 0 seconds"] + rules
        let configuration = try folder.write("squid.conf", text: lines.joined(separator: "\n") + "\n")
        url = "http://127.0.0.1:\(port)"
        service = "hostctltest\(port)"
        process = try ChildProcess(["/usr/sbin/squid", "-N", "-n", service, "-f", configuration.string])
        try requireListener(port, process)
    }

    deinit {
        // Killed, because its shutdown takes seconds; so its shared memory is left to be removed.
        for name in ["metadata", "queues", "readers"] { unlink("/dev/shm/\(service)-cf__\(name).shm") }
    }

    /// What went through, one line each.
    public var accessLog: String { get throws { String(decoding: try folder.read("access.log"), as: UTF8.self) } }
}

/// A certificate authority of a test's own, with a server at 127.0.0.1 and a client that it vouches for.
public struct TestCertificates: Sendable {
    public struct Pair: Sendable {
        public let certificate: FilePath
        public let key: FilePath
    }

    /// The authority's certificate.
    public let authority: FilePath
    public let server: Pair
    public let client: Pair

    /// Makes them in a folder.
    public init(in folder: FilePath) throws {
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        func make(_ name: String, _ arguments: [String]) throws -> Pair {
            let pair = Pair(certificate: folder.appending("\(name).crt"), key: folder.appending("\(name).key"))
            let result = try TestSupport.run(
                ["/usr/bin/openssl", "req", "-x509", "-days", "2", "-subj", "/CN=\(name)"] + curve
                    + ["-keyout", pair.key.string, "-out", pair.certificate.string] + arguments)
            guard result.status == 0 else {
                throw SystemError("make", "a certificate: \(result.errorText)", code: .ioError)
            }
            chmod(pair.key.string, 0o600)
            return pair
        }
        let root = try make("authority", [])
        authority = root.certificate
        let signed = ["-CA", root.certificate.string, "-CAkey", root.key.string]
        let end = ["-addext", "basicConstraints=critical,CA:FALSE"]
        server = try make("server", signed + end + ["-addext", "subjectAltName=IP:127.0.0.1"])
        client = try make("client", signed + end)
    }
}

/// A port of 127.0.0.1 that nobody listens on now.
private func freePort() throws -> UInt16 {
    let (socket, port) = try ServerSockets.listen()
    close(socket)
    return port
}

private func requireListener(_ port: UInt16, _ process: ChildProcess) throws {
    guard waitUntil(timeout: 20, { isListening(port) }) else {
        throw SystemError("start", "a server: \(try process.outputSoFar())", code: .connectionRefused)
    }
}

private func isListening(_ port: UInt16) -> Bool {
    let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(raw) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = port.bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
